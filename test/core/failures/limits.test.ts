import { describe, expect, it } from 'vitest';
import { judge } from '../../../src/core/failures/judge.ts';
import { createRepairSearch, type FailureRules } from '../../../src/core/failures/repair-search.ts';
import type { Searched } from '../../../src/core/failures/rollbacks.ts';
import type { Incident } from '../../../src/core/incident.ts';
import { aDeployment } from '../../support/records.ts';

const rules: FailureRules = {
  rollbackSeconds: 500,
  fix: { linkedSeconds: 700, ruleSeconds: 100 },
  incident: { withinSeconds: 60, staleSeconds: 1000 },
};
const first = '1'.repeat(40);
const second = '2'.repeat(40);
const third = '3'.repeat(40);

/** Causes of each deployment, in order. */
function causesOf(deployments: readonly Searched[], incidents: readonly Incident[] = []) {
  const search = createRepairSearch(rules, {
    ...{ commits: new Map(), undone: new Set(), standing: [], manners: new Map() },
  });
  const searched = deployments.slice();
  for (const [index, one] of searched.entries()) {
    searched[index] = { ...one, repair: search.next(searched, index, 0) };
  }
  const now = 100_000;
  const circumstances = { failingSince: 0, incidents, runningSince: Number.POSITIVE_INFINITY, now };
  return judge(searched, rules, circumstances).verdicts.map(({ causes }) => causes);
}

const at = (number: number, time: number, more: Parameters<typeof aDeployment>[0] = {}) =>
  aDeployment({ number, at: time, startedAt: time - 10, ...more });

describe('a limit includes its last second, but not the next one,', () => {
  it.each([
    [500, ['rollback']],
    [501, []],
  ])('for a rollback, %i seconds after the deployment that it undoes', (seconds, causes) => {
    const rolledBack = at(2, 2000, { commit: second });
    const back = at(3, 2000 + seconds, { commit: first, event: 'deployment' });
    expect(causesOf([at(1, 1000, { commit: first }), rolledBack, back])[1]).toEqual(causes);
  });

  it.each([
    [700, ['fix']],
    [701, []],
  ])('for a linked fix, %i seconds after the deployment that it reverts', (seconds, causes) => {
    const fix = at(3, 1000 + seconds, { commit: third, reverts: [first.slice(0, 7)] });
    const found = causesOf([at(1, 1000, { commit: first }), at(2, 1500, { commit: second }), fix]);
    expect(found).toEqual([causes, [], []]);
  });

  it.each([
    [100, ['fix']],
    [101, []],
  ])('for a fix by rule, %i seconds after the deployment before it', (seconds, causes) => {
    const fix = at(2, 1000 + seconds, { commit: second, isRework: true });
    expect(causesOf([at(1, 1000, { commit: first }), fix])[0]).toEqual(causes);
  });

  it.each([
    [60, ['incident']],
    [61, []],
  ])('for an incident, %i seconds after the finish of the deployment', (seconds, causes) => {
    const incident = { id: 'INC-1', start: 1000 + seconds, end: 5000, receivedAt: null };
    expect(causesOf([at(1, 1000, { commit: first })], [incident])[0]).toEqual(causes);
  });

  it('for an incident that starts when another ends: it belongs to the last deployment, not to the deployment of the other', () => {
    const deployments = [at(1, 1000, { commit: first }), at(2, 1050, { commit: second })];
    const incidents = [
      { id: 'INC-1', start: 1020, end: 1070, receivedAt: null },
      { id: 'INC-2', start: 1070, end: 1090, receivedAt: null },
    ];
    expect(causesOf(deployments, incidents)).toEqual([['incident'], ['incident']]);
  });
});

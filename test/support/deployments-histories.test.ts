/** Checks the random histories: they reach every cause and reason, and the oracle is a function. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type History, histories, standingMarks } from './deployments-histories.ts';
import { type Answer, figuresAt, type World } from './deployments-oracle.ts';

const drawn = fc.sample(histories(), { seed: 7, numRuns: 1500 });

/** The causes and reasons in one answer, as words. */
function seenIn({ pairs, pipelines }: Answer): string[] {
  const deployments = pairs.flatMap((pair) => pair.deployments);
  return [
    ...pipelines.map((one) => (one.reason ? `reason ${one.reason}` : `${one.tiers.length} tiers`)),
    ...deployments.flatMap((one) => one.causes.map((cause) => `cause ${cause}`)),
    ...deployments.map((one) => `ended by ${one.endedBy}`),
    ...deployments.map((one) => `${one.causes.length} causes`),
    ...deployments.map((one) => `linked to ${one.revertsLinked.length}`),
    ...deployments.map((one) => (one.repairsByRule === null ? 'no fix by rule' : 'fix by rule')),
    ...deployments.map((one) => (one.rollsBack === null ? 'no rollback' : 'rollback')),
    ...deployments.map((one) => `${one.incidents.length} incidents`),
    ...pairs.map((pair) => (pair.failingSince === null ? 'not failing' : 'failing')),
    ...pairs.flatMap((pair) => Object.values(pair.windows)).map((one) => `rework ${one.rework}`),
    ...pairs.flatMap((pair) => Object.values(pair.windows)).map((one) => `${one.recoveries.length} samples`),
  ];
}

const seen = Map.groupBy(
  drawn.flatMap((history) => history.moments.flatMap((t) => seenIn(figuresAt(history, t)))),
  (word) => word,
);

test.each([
  ...['pipeline', 'rollback', 'fix', 'incident', 'operator'].map((cause) => `cause ${cause}`),
  ...[
    'fork',
    'pull_request',
    'unfinished',
    'canceled',
    'declined',
    'skipped',
    'error',
    'no_timestamp',
    'branch',
  ].map((reason) => `reason ${reason}`),
  ...['no_tier', 'no_parts', 'not_reached', 'killed', 'operator'].map((reason) => `reason ${reason}`),
  ...['mark', 'incident', 'deployment', null].map((by) => `ended by ${by}`),
  ...['1 tiers', '2 tiers', 'rollback', 'linked to 1', 'fix by rule', 'failing', 'rework null', 'rework 0'],
  ...['2 causes', '3 causes', '2 incidents', '1 samples', '2 samples', '3 samples', 'rework 2'],
])('random histories reach: %s', (word) => {
  expect(seen.get(word)?.length ?? 0).toBeGreaterThanOrEqual(20);
});

test('the oracle does not depend on the order of pipelines, incidents and marks', () => {
  const shuffled = (history: History) =>
    fc.record({
      pipelines: fc.shuffledSubarray(history.pipelines, { minLength: history.pipelines.length }),
      incidents: fc.shuffledSubarray(history.incidents, { minLength: history.incidents.length }),
      marks: fc.shuffledSubarray(history.marks, { minLength: history.marks.length }),
    });
  const both = histories().chain((history) => fc.tuple(fc.constant(history), shuffled(history)));
  fc.assert(
    fc.property(both, ([history, lists]) => {
      const told: World = { policy: history.policy, ...lists };
      for (const t of history.moments) expect(figuresAt(told, t)).toEqual(figuresAt(history, t));
    }),
    { numRuns: 200 },
  );
});

test('events after a time do not change the figures at that time', () => {
  // A new default branch counts for earlier pipelines, too.
  const anyBranch = drawn.filter(({ policy }) => !policy.default_branches_only);
  for (const history of anyBranch.slice(0, 300)) {
    for (const t of history.moments) {
      const known = {
        ...history,
        incidents: history.incidents
          .filter((incident) => incident.start <= t)
          .map((incident) => ({
            ...incident,
            end: incident.end !== null && incident.end > t ? null : incident.end,
          })),
      };
      expect(figuresAt(known, t).pairs).toEqual(figuresAt(history, t).pairs);
      const later = history.pipelines.filter((pipeline) => pipeline.created > t);
      const pipelines = history.pipelines.filter((pipeline) => !later.includes(pipeline));
      expect(figuresAt({ ...history, pipelines }, t).pairs).toEqual(figuresAt(history, t).pairs);
    }
  }
});

test('a removed mark has no effect, and the last mark counts', () => {
  const request = { repo: 'acme/shop', number: 1, tier: 'production' };
  const failed = { ...request, mark: 'failed' as const, recovered: 5 };
  const fine = { ...request, mark: 'fine' as const };
  const back = { ...request, mark: null };
  expect(standingMarks([failed, fine])).toEqual([fine]);
  expect(standingMarks([fine, failed])).toEqual([failed]);
  expect(standingMarks([failed, back])).toEqual([]);
  expect(standingMarks([failed, { ...back, tier: 'staging' }])).toEqual([failed]);
});

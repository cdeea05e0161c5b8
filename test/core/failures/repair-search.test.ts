import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import { emptyPast } from '../../../src/core/failures/deployed-history.ts';
import { createRepairSearch, type RepairSearch } from '../../../src/core/failures/repair-search.ts';
import { aDeployment } from '../../support/records.ts';
import { runs } from '../../support/runs.ts';

const rules = {
  rollbackSeconds: 60,
  fix: { linkedSeconds: 80, ruleSeconds: 20 },
  incident: { withinSeconds: null, staleSeconds: 0 },
};

/** Ids that differ early, and two that differ late only. */
const commits = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(40));
const alike = [`${'a'.repeat(39)}b`, `${'b'.repeat(39)}c`];

const anyDeployment = (number: number) =>
  fc
    .record({
      at: fc.integer({ min: 0, max: 150 }),
      commit: fc.constantFrom(...commits, ...alike, ''),
      outcome: fc.constantFrom('success', 'success', 'success', 'failure'),
      branch: fc.constantFrom('main', 'main', 'side', null),
      event: fc.constantFrom('push', 'push', 'deployment', 'cron'),
      isRework: fc.constantFrom(false, false, false, true),
      reverts: fc.oneof(
        { weight: 4, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.constantFrom(...commits, ...alike).map((id) => [id]) },
        { weight: 1, arbitrary: fc.constantFrom(...commits.slice(0, 2)).map((id) => [id.slice(0, 8)]) },
      ),
    })
    .map((fields) => aDeployment({ number, startedAt: null, ...fields } as Partial<Deployment>));
const anyDeployments = (from: number, most: number) =>
  fc
    .integer({ min: 0, max: most })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyDeployment(from + index))));

/** Adds all deployments after the ones that the search knows; returns their repairs. */
function takeIn(search: RepairSearch, deployments: Deployment[], from: number) {
  for (let index = from; index < deployments.length; index++) {
    const deployment = deployments[index] as Deployment;
    deployments[index] = { ...deployment, repair: search.next(deployments, index, 0) };
  }
  return deployments.map(({ number, repair }) => ({ number, repair }));
}

describe('a search of repairs', () => {
  it('finds the same repairs after a late deployment as a new search, or refuses the deployment', () => {
    let inserted = 0;
    fc.assert(
      fc.property(
        anyDeployments(200, 4),
        anyDeployments(1, 12),
        anyDeployment(50),
        anyDeployments(100, 6),
        fc.boolean(),
        (earlier, first, late, more, isSettled) => {
          // Too early for any repair by the others.
          const older = earlier.map((one) => ({ ...one, at: one.at - 300 })).sort(compareDeployments);
          const before = createRepairSearch(rules, emptyPast);
          takeIn(before, older, 0);
          const past = before.toPast();
          const known = first.toSorted(compareDeployments);
          const search = createRepairSearch(rules, isSettled ? emptyPast : past);
          if (isSettled) {
            const both = [...older, ...known];
            takeIn(search, both, 0);
            known.splice(0, known.length, ...both.slice(older.length));
            search.settle(past);
          } else {
            takeIn(search, known, 0);
          }
          const all = [...known, late].sort(compareDeployments);
          if (!search.insert(all, all.indexOf(late))) return;
          inserted++;
          const end = Math.max(0, ...all.map(({ at }) => at));
          const next = more.map((one) => ({ ...one, at: one.at + end })).sort(compareDeployments);
          const anew = [...known, late, ...next]
            .map((one) => ({ ...one, repair: null }))
            .sort(compareDeployments);
          expect(takeIn(search, [...all, ...next], all.length)).toEqual(
            takeIn(createRepairSearch(rules, past), anew, 0),
          );
          // The search can undo what it has added.
          search.rewind(all.length - all.indexOf(late) + next.length);
          expect(takeIn(search, [...anew], all.indexOf(late))).toEqual(
            takeIn(createRepairSearch(rules, past), [...anew], 0),
          );
        },
      ),
      { numRuns: runs(5_000) },
    );
    expect(inserted).toBeGreaterThan(0);
  });
});

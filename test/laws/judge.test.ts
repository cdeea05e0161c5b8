/** The judge may forget deployments that are older than its limits. `deployments.test.ts` compares it with the oracle. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../src/core/failures/candidate.ts';
import { emptyPast, type Past } from '../../src/core/failures/deployed-history.ts';
import { judge } from '../../src/core/failures/judge.ts';
import { createRepairSearch, type FailureRules } from '../../src/core/failures/repair-search.ts';
import { revertedBy } from '../../src/core/failures/reverts.ts';
import type { Searched } from '../../src/core/failures/rollbacks.ts';
import { matchesAnyGlob } from '../../src/core/glob.ts';
import { histories } from '../support/deployments-histories.ts';
import { figuresAt, type PairFigures, type World } from '../support/deployments-oracle.ts';
import { runs } from '../support/runs.ts';

function rulesOf({ policy }: World, lookedFor: readonly string[]): FailureRules {
  const { rollback, fix, incident } = policy.failures;
  const isOn = (cause: string) => lookedFor.includes(cause);
  return {
    rollbackSeconds: isOn('rollback') ? rollback : null,
    fix: { linkedSeconds: isOn('fix') ? fix.linked : null, ruleSeconds: isOn('fix') ? fix.rule : null },
    incident: { withinSeconds: isOn('incident') ? incident : null, staleSeconds: policy.incidents.stale },
  };
}

function candidatesOf(world: World, { repo, tier, deployments }: PairFigures): Candidate[] {
  return deployments.map(({ number, start, finish, outcome }): Candidate => {
    const pipeline = world.pipelines.find((one) => one.repo === repo && one.number === number);
    if (!pipeline) throw new Error(`No pipeline ${number} of ${repo}`);
    const mark = world.marks.find((one) => one.repo === repo && one.number === number && one.tier === tier);
    const { branches, messages } = world.policy.rework;
    return {
      number,
      at: finish,
      startedAt: start,
      outcome,
      commit: pipeline.commit,
      event: pipeline.event,
      branch: pipeline.branch || null,
      ref: pipeline.ref || null,
      isRestart: pipeline.parent !== 0,
      reverts: revertedBy(pipeline.message),
      change: null,
      isRework:
        matchesAnyGlob(branches, pipeline.branch) ||
        messages.some((source) => new RegExp(source, 'i').test(pipeline.message)),
      mark:
        mark?.mark === 'failed'
          ? { kind: 'failed', recoveredAt: mark.recovered ?? null }
          : mark?.mark === 'fine'
            ? { kind: 'fine' }
            : null,
    };
  });
}

/** Adds the repairs of each deployment; returns also the past for later deployments. */
function searchAll(
  candidates: readonly Candidate[],
  rules: FailureRules,
  past: Past,
): { searched: Searched[]; past: Past } {
  const search = createRepairSearch(rules, past);
  const searched: Searched[] = [];
  for (const [index, candidate] of candidates.entries()) {
    searched.push({ ...candidate, repair: null });
    searched[index] = { ...candidate, repair: search.next(searched, index, 0) };
  }
  return { searched, past: search.toPast() };
}

/** Longer than any limit. */
const weeks = 21 * 86_400;

describe('the judge', () => {
  it('needs only the past instead of deployments older than its limits', () => {
    fc.assert(
      fc.property(histories(), fc.nat(), (world, cut) => {
        const now = world.moments.at(-1) ?? 0;
        for (const pair of figuresAt(world, now).pairs) {
          const candidates = candidatesOf(world, pair);
          const split = candidates.length === 0 ? 0 : cut % candidates.length;
          const later = candidates.slice(split).map((one) => ({
            ...one,
            at: one.at + weeks,
            startedAt: one.startedAt && one.startedAt + weeks,
          }));
          const earlier = candidates.slice(0, split);
          const rules = rulesOf(world, pair.lookedFor);
          const circumstances = {
            failingSince: 0,
            incidents: [],
            runningSince: Number.POSITIVE_INFINITY,
            now: now + weeks,
          };

          const whole = searchAll([...earlier, ...later], rules, emptyPast).searched;
          const { past } = searchAll(earlier, rules, emptyPast);
          const { searched } = searchAll(later, rules, past);

          expect(searched).toEqual(whole.slice(split));
          expect(judge(searched, rules, circumstances).verdicts).toEqual(
            judge(whole, rules, circumstances).verdicts.slice(split),
          );
        }
      }),
      { numRuns: runs(1000) },
    );
  });
});

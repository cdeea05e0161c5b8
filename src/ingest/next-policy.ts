/**
 * One transaction's work on the next policy: classifies stored pipelines under it, and folds their series, beside the
 * active policy.
 *
 * No figure shows its rows before the two are exchanged. All of it can be repeated: a pipeline that is classified
 * already is not written again, and a series begins at its exact totals however often it is folded.
 */

import { creditsWhenSettled } from '../core/countable.ts';
import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import type { Tally } from '../core/pipeline-counts.ts';
import { neverCount, zeroTotals } from '../core/series/ledger.ts';
import { pairKey } from '../core/series/pair.ts';
import type { State, StateChange } from '../core/series/state.ts';
import { changesFor, type StoredPipeline, tiersOf } from '../core/stored-pipeline.ts';
import type { Compared, PipelineTable, Transaction } from '../store/store.ts';
import type { IntakeMode } from './ingest-options.ts';
import { createAdmission } from './limits.ts';
import { createPairChanges } from './pair-changes.ts';
import { createRepoChanges } from './repo-changes.ts';
import { createRoom } from './room.ts';
import { createSeriesChanges } from './series-changes.ts';

export interface NextPolicyWork {
  /** Classifies a pipeline. `isCounted`: whether the tally contains `compared.next`. */
  classify(compared: Compared, isCounted: boolean): Promise<void>;
  /** Makes the pairs known that follow from the repo's name alone. */
  makeKnownByName(repo: number): void;
  /** Folds all series of a repo. */
  fold(repo: number): Promise<void>;
  /** Returns the change to apply to the next policy's state after the commit. */
  finish(): Promise<Pick<StateChange, 'pairs' | 'timelines'>>;
}

export interface NextPolicyContext {
  /** The state under the active policy. */
  readonly state: State;
  /** The state under the next policy. It has all pairs of the active one, unknown until a pipeline makes them known. */
  readonly next: State;
  /** Counts under the next policy. */
  readonly tally: Tally;
  readonly mode: IntakeMode;
  /** Unix seconds. */
  readonly now: number;
}

export function createNextPolicyWork(
  transaction: Transaction,
  { state, next, tally, mode, now }: NextPolicyContext,
): NextPolicyWork {
  /** The forge reports lead times later, one by one: do not count them, or rates would show a burst. */
  const lateBits = mode.asksForge ? leadTimeBit : 0;
  const isNew = (repo: number, tier: string): boolean => !state.pairs.has(pairKey(repo, tier));
  const pipelines = withExactCredits(transaction.next, isNew, lateBits);
  const noPairs = { all: async () => [], put: async () => undefined };
  const tx: Transaction = { ...transaction, pipelines, pairs: noPairs };
  const repos = createRepoChanges(tx, next);
  const pairs = createPairChanges(next);
  const series = createSeriesChanges(tx, next, {
    mode,
    now,
    repos,
    pairs,
    markOf: state.markOf,
    surroundingsOf: (repo, tier) => state.surroundingsOf(repo, tier, now),
  });
  const admission = createAdmission(mode, { repos, pairs, markOf: state.markOf, room: createRoom() });

  return {
    async classify({ active, next: before }, isCounted) {
      const repo = repos.at(active.repo);
      const classification = admission.classify(repo, active.record);
      const existing = new Set(state.tiersOf(repo.key));
      const credited = creditsWhenSettled(repo, active, classification, existing, lateBits);
      const changes = changesFor(active.changes, classification);
      const after: StoredPipeline = { ...active, classification, credited, changes };
      if (!isSame(before, after, (tier) => isNew(repo.key, tier))) await tx.next.reclassify(after);
      for (const [tier, change] of changes) {
        const place = { repo: repo.key, number: active.record.number, tier };
        if (active.changes.get(tier) !== change) await tx.next.putChange(place, change);
      }
      if (isCounted) tally.count(before, -1);
      tally.count(after, 1);
      for (const tier of tiersOf(after)) pairs.makeKnown(repo.key, tier);
    },
    makeKnownByName: (repo) => admission.makeKnownByName(repos.at(repo)),
    async fold(repo) {
      for (const tier of pairs.tiersOf(repo)) {
        series.rebuild(repo, tier);
        if (isNew(repo, tier)) pairs.putTotals(repo, tier, zeroTotals);
        else series.settle(repo, tier);
      }
      await series.flush();
    },
    async finish() {
      const change = await series.finish();
      return { pairs: change.pairs, timelines: change.timelines };
    },
  };
}

/**
 * The table, with deployments of new pairs as if they had added nothing yet: a fold then finds the exact totals, even
 * after an interrupted one. Credits that are stored already are not written again.
 */
function withExactCredits(
  table: PipelineTable,
  isNew: (repo: number, tier: string) => boolean,
  lateBits: number,
): PipelineTable {
  const stored = new Map<string, number>();
  const keyOf = ({ repo, number }: { repo: number; number: number }, tier: string) =>
    `${pairKey(repo, tier)} ${number}`;
  return {
    ...table,
    async *deployments(selection) {
      for await (const slice of table.deployments(selection)) {
        yield slice.map((one) => {
          const { tier, deployment } = one;
          if (deployment.credited === neverCount || !isNew(deployment.repo, tier)) return one;
          stored.set(keyOf(deployment, tier), deployment.credited);
          return { tier, deployment: { ...deployment, credited: lateBits } };
        });
      }
    },
    async setCredited(place, bits) {
      if (stored.get(keyOf(place, place.tier)) !== bits) await table.setCredited(place, bits);
    },
  };
}

/** Whether the stored row under the next policy is right, apart from credits that a fold has added to a new pair. */
function isSame(
  before: StoredPipeline,
  after: StoredPipeline,
  isNewPair: (tier: string) => boolean,
): boolean {
  if (JSON.stringify(before.classification) !== JSON.stringify(after.classification)) return false;
  return [...new Set([...before.credited.keys(), ...after.credited.keys()])].every((tier) => {
    const [stored, right] = [before.credited.get(tier), after.credited.get(tier)];
    if (stored === right) return true;
    if (stored === undefined || right === undefined) return false;
    return isNewPair(tier) && stored !== neverCount && right !== neverCount;
  });
}

/** One transaction's changes to pipelines: merges observations into rows, and classifies rows again. */

import { creditAtFirst, creditsAfterMove, creditsAtFirst, creditsWhenSettled } from '../core/countable.ts';
import type { MarkPlace } from '../core/failures/operator-mark.ts';
import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import { mergeRecords, saysTheSame } from '../core/merge-records.ts';
import { byOurClock } from '../core/our-clock.ts';
import { isOver, type PipelineRecord } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import type { State, StateChange } from '../core/series/state.ts';
import { changesFor, isDeployment, type StoredPipeline, tiersOf } from '../core/stored-pipeline.ts';
import type { Transaction } from '../store/store.ts';
import type { CommitFirsts } from './first-pipeline-of-commit.ts';
import { type IntakeMode, needsFirstSeen } from './ingest-options.ts';
import type { Admission } from './limits.ts';
import type { PairChanges } from './pair-changes.ts';
import type { FollowChanges } from './poll-changes.ts';
import type { RepoChanges } from './repo-changes.ts';
import type { SeriesChanges } from './series-changes.ts';

/** `unfinished`: no end is known. */
export interface Observed {
  readonly result: 'stored' | 'duplicate' | 'stale' | 'unfinished';
  readonly pipeline: StoredPipeline;
}

export interface PipelineChanges {
  /** Merges an observation into the stored record. A pipeline that a scan has found is pending until `release`. */
  observe(repoKey: number, record: PipelineRecord, origin: 'live' | 'scan'): Promise<Observed>;
  /** Adds the pending pipelines of a repo to state and ledger, and shows its series. */
  release(repoKey: number): Promise<void>;
  /** Classifies all stored pipelines of a repo again. `settled`: they add nothing to pairs that existed before. */
  reclassify(repoKey: number, additions: 'credited' | 'settled'): Promise<void>;
  /** Classifies a pipeline again after a change of its mark. */
  markAgain(place: MarkPlace): Promise<void>;
  /** Stores `after` in place of `before`, and updates the pipeline counts. */
  put(before: StoredPipeline | null, after: StoredPipeline): Promise<void>;
  /** Removes a pipeline from the counts. */
  uncount(pipeline: StoredPipeline): void;
  /** Stores the lead of Woodpecker's clock over ours, in seconds; later observations are corrected by it. */
  putClockAhead(seconds: number): Promise<void>;
  changed(): Pick<StateChange, 'tally' | 'clockAhead'>;
}

export interface PipelineContext {
  readonly tx: Transaction;
  readonly state: State;
  readonly mode: IntakeMode;
  /** Unix seconds. */
  readonly now: number;
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  readonly series: SeriesChanges;
  readonly follows: FollowChanges;
  readonly firsts: CommitFirsts;
  readonly admission: Admission;
}

/** Key in the store's `meta` table. */
export const clockAheadKey = 'clock_ahead';

export function createPipelineChanges(context: PipelineContext): PipelineChanges {
  const { tx, state, mode, now, repos, pairs, series, follows, firsts, admission } = context;
  let tally = state.tally;
  let { clockAhead } = state;
  /** Lead times of old deployments arrive later, one by one: do not count them, or rates would show a burst. */
  const lateBits = mode.asksForge ? leadTimeBit : 0;

  const count = (pipeline: StoredPipeline, by: 1 | -1): void => {
    if (tally === state.tally) tally = state.tally.copy();
    tally.count(pipeline, by);
  };
  const put = async (before: StoredPipeline | null, after: StoredPipeline): Promise<void> => {
    await tx.pipelines.put(after);
    for (const [tier, change] of after.changes) {
      const place = { repo: after.repo, number: after.record.number, tier };
      if (before?.changes.get(tier) !== change) await tx.pipelines.putChange(place, change);
    }
    if (before) count(before, -1);
    count(after, 1);
  };

  return {
    async observe(repoKey, observed, origin) {
      const repo = repos.at(repoKey);
      const before = await tx.pipelines.get(repoKey, observed.number);
      // Only Woodpecker's clock is measured. Without a Woodpecker, reports have the times of an agent's clock.
      const seen = byOurClock(observed, mode.canAsk ? clockAhead : 0);
      const record = before ? mergeRecords(before.record, seen) : seen;
      if (mode.canAsk) await follows.keepUp(repo, { observed, known: before?.record ?? null, record });
      // A live report releases a pipeline that a running scan is holding.
      const isReleased = before?.isPending && repo.revealed && origin === 'live';
      if (before && record === before.record && !isReleased) {
        if (!isOver(record)) return { result: 'unfinished', pipeline: before };
        const isAsNew = record.id === observed.id && record.updatedAt === observed.updatedAt;
        return { result: isAsNew ? 'duplicate' : 'stale', pipeline: before };
      }
      const classification = admission.classify(repo, record);
      const isAnother = before !== null && before.record.id !== 0 && before.record.id !== record.id;
      const isVisible = before !== null && !before.isPending && isDeployment(before);
      const after: StoredPipeline = {
        repo: repoKey,
        record,
        commit:
          before?.record.commit === record.commit
            ? before.commit
            : await tx.pipelines.commitOf(repoKey, record.commit),
        classification,
        isPending: !repo.revealed || (origin === 'scan' && !isVisible),
        credited:
          before && !isAnother
            ? creditsAfterMove(repo, before, record, classification)
            : creditsAtFirst(repo, record, classification),
        changes: before?.changes ?? new Map(),
      };
      // A correction may change the commit: the pipeline is then no longer the first of its former commit.
      const commits = before ? [after.commit, before.commit] : [after.commit];
      await firsts.watch(repo, commits, async () => {
        await put(before, after);
        series.replace(repo.key, before, after, await firsts.of(repoKey, after.commit));
      });
      if (!after.isPending) for (const tier of tiersOf(after)) pairs.makeKnown(repoKey, tier);
      if (!isOver(record)) return { result: 'unfinished', pipeline: after };
      const isNews = !before || !saysTheSame(before.record, record);
      return { result: isNews ? 'stored' : 'duplicate', pipeline: after };
    },

    async release(repoKey) {
      const before = repos.at(repoKey);
      const repo = { ...before, revealed: true, ...(!mode.canAsk && knownFromNow(before, now)) };
      if (!before.revealed) repos.put(repo);
      admission.makeKnownByName(repo);
      const neverCountAtFirst = before.revealed ? 0 : lateBits;
      for await (const slice of tx.pipelines.pending(repoKey)) {
        for (const pending of slice) {
          // The horizon may have been fixed after the pipeline was stored.
          const atFirst = creditAtFirst(repo, pending.record);
          const credited = new Map(pending.credited);
          for (const { tier, kind } of pending.classification.tiers) {
            const known = pending.credited.get(tier) ?? 0;
            const bits = atFirst | known | (kind === 'deployment' ? neverCountAtFirst : 0);
            credited.set(tier, bits);
            if (bits !== known && kind === 'deployment')
              await tx.pipelines.setCredited({ repo: repoKey, number: pending.record.number, tier }, bits);
            else if (bits !== known) await tx.pipelines.put({ ...pending, credited });
            pairs.makeKnown(repoKey, tier);
          }
          const firstSeenAt = await firsts.of(repoKey, pending.commit);
          series.replace(repo.key, null, { ...pending, isPending: false, credited }, firstSeenAt);
        }
      }
      await tx.pipelines.releasePending(repoKey);
      // A pending pipeline may be the first of a commit that is deployed already.
      if (needsFirstSeen(mode)) for (const tier of pairs.tiersOf(repoKey)) series.rebuild(repoKey, tier);
    },

    async reclassify(repoKey, additions) {
      const repo = repos.at(repoKey);
      const existing = new Set(pairs.tiersOf(repoKey));
      const yielded = new Set<string>();
      for await (const slice of tx.pipelines.all(repoKey)) {
        for (const before of slice) {
          const classification = admission.classify(repo, before.record);
          for (const { tier } of classification.tiers) yielded.add(tier);
          if (JSON.stringify(classification) === JSON.stringify(before.classification)) continue;
          const credited =
            additions === 'settled'
              ? creditsWhenSettled(repo, before, classification, existing, lateBits)
              : creditsAfterMove(repo, before, before.record, classification);
          const changes = changesFor(before.changes, classification);
          const after = { ...before, classification, credited, changes };
          await put(before, after);
          series.noteUnread(before, after);
          for (const tier of [...tiersOf(before), ...tiersOf(after)]) series.rebuild(repo.key, tier);
        }
      }
      for (const tier of existing) {
        if (!yielded.has(tier)) pairs.retire(repoKey, tier);
        if (additions === 'settled') series.settle(repoKey, tier);
      }
      for (const tier of yielded) pairs.makeKnown(repoKey, tier);
      admission.makeKnownByName(repo);
    },

    async markAgain({ repo: key, number }) {
      const before = await tx.pipelines.get(key, number);
      if (!before) return;
      const repo = repos.at(key);
      const classification = admission.classify(repo, before.record);
      const credited = creditsAfterMove(repo, before, before.record, classification);
      const after = { ...before, classification, credited };
      await put(before, after);
      series.replace(key, before, after, await firsts.of(key, after.commit));
    },

    put,
    uncount: (pipeline) => count(pipeline, -1),
    async putClockAhead(seconds) {
      clockAhead = seconds;
      await tx.meta.put(clockAheadKey, String(seconds));
    },
    changed: () => ({ tally, clockAhead }),
  };
}

/** For a repo that no backfill will ever complete: everything posted counts from now on, without a horizon. */
function knownFromNow({ horizon, knownSince }: Repo, now: number): Pick<Repo, 'horizon' | 'knownSince'> {
  return knownSince === null ? { horizon: null, knownSince: now } : { horizon, knownSince };
}

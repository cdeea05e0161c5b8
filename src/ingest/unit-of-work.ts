/**
 * One transaction's work on store and state: it writes observations into rows, timelines and ledger, all or nothing.
 *
 * Later steps see earlier ones. The state changes only after the commit: `finish` writes everything and returns a
 * change, which the caller then applies.
 */

import { creditAtFirst, creditsAfterMove, creditsAtFirst, creditsWhenSettled } from '../core/countable.ts';
import type { MarkPlace, StoredMark } from '../core/failures/operator-mark.ts';
import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import { isSameGround, knownGroundOf } from '../core/known-ground.ts';
import { byOurClock } from '../core/our-clock.ts';
import { isOver, mergeRecords, type PipelineRecord, saysTheSame } from '../core/pipeline.ts';
import { retainedSeconds } from '../core/policy.ts';
import { type Follow, targetsOf } from '../core/poll-schedule.ts';
import type { Repo, RepoFacts } from '../core/repo.ts';
import type { Pair } from '../core/series/pair.ts';
import type { State, StateChange } from '../core/series/state.ts';
import { surroundingsOf } from '../core/series/surroundings.ts';
import { changesFor, isDeployment, type StoredPipeline, tiersOf } from '../core/stored-pipeline.ts';
import { createBufferedPipelines } from '../store/buffered-pipelines.ts';
import type { Transaction } from '../store/store.ts';
import { createCommitFirsts } from './first-pipeline-of-commit.ts';
import { createForgeAnswers, type ForgeAnswers } from './forge-answers.ts';
import { createIncidentChanges, type IncidentChanges } from './incident-changes.ts';
import { type IntakeMode, needsFirstSeen, noLimits, rulesOf } from './ingest-options.ts';
import { createAdmission } from './limits.ts';
import { createMarkChanges } from './mark-changes.ts';
import { createFollowChanges } from './poll-changes.ts';
import { createRepoChanges } from './repo-changes.ts';
import { createRepoIdentity } from './repo-identity.ts';
import { createRoom, type TurnedAway } from './room.ts';
import { createSeriesChanges } from './series-changes.ts';

/** `unfinished`: no end is known. */
export interface Observed {
  readonly result: 'stored' | 'duplicate' | 'stale' | 'unfinished';
  readonly pipeline: StoredPipeline;
}

export interface UnitOfWork {
  readonly tx: Transaction;
  readonly incidents: IncidentChanges;
  /** Replaces the mark of the same pipeline and tier; `false`: the limit allows no further mark. */
  putMark(mark: StoredMark): Promise<boolean>;
  dropMark(place: MarkPlace): Promise<void>;
  /** Deletes reasons of marks that are too old. */
  dropOldReasons(): Promise<void>;
  /** Judges again the timelines that are no longer valid. */
  judgeAgain(): void;
  /**
   * Judges again the timelines of all pairs that have incidents or marks, and of `others`, which had some before.
   * `additions`: `settled`: causes found now add nothing to the ledger.
   */
  judgeReported(additions: 'credited' | 'settled', others?: readonly Pick<Pair, 'repo' | 'tier'>[]): void;
  readonly forge: ForgeAnswers;
  repoById(woodpeckerId: number): Repo | null;
  repoByName(fullName: string): Repo | null;
  /** Repos that have the name, in any case; the repo that got it last is first. */
  reposByName(fullName: string): readonly Repo[];
  /** Whether the repo is known, or the limit allows one more; if not, it counts as turned away. */
  admitsRepo(facts: RepoFacts): Promise<boolean>;
  /** The repo that `facts` are about, updated by them, or added if it is new. */
  repoOf(facts: RepoFacts): Promise<Repo>;
  putRepo(repo: Repo): Promise<void>;
  /** Merges an observation into the stored record. A pipeline that a scan has found is pending until `release`. */
  observe(repoKey: number, record: PipelineRecord, origin: 'live' | 'scan'): Promise<Observed>;
  /** Adds the pending pipelines of a repo to state and ledger, and shows its series. */
  release(repoKey: number): Promise<void>;
  follow(target: Follow['target'], number: number): Follow | null;
  /** Whether the limit allows one more hint; if not, it counts as turned away. */
  admitsHint(): boolean;
  putFollow(follow: Follow): Promise<void>;
  dropFollow(follow: Follow): Promise<void>;
  /** Rebuilds all series from the store. Only metrics that are not in `known` (names) add to the ledger. */
  rebuildAll(known: ReadonlySet<string>): void;
  /** Classifies all stored pipelines of a repo again. `settled`: they add nothing to pairs that existed before. */
  reclassify(repoKey: number, additions: 'credited' | 'settled'): Promise<void>;
  /** Stores the lead of Woodpecker's clock over ours, in seconds; later observations are corrected by it. */
  putClockAhead(seconds: number): Promise<void>;
  /** Number of items that this transaction has turned away. */
  readonly turnedAway: TurnedAway;
  /** Writes the remaining changes, and returns the change to apply to the state after the commit. */
  finish(): Promise<StateChange>;
}

/** Key in the store's `meta` table. */
export const clockAheadKey = 'clock_ahead';

/** `now` in Unix seconds. */
export function createUnitOfWork(
  transaction: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): UnitOfWork {
  const pipelines = createBufferedPipelines(transaction.pipelines);
  const tx: Transaction = { ...transaction, pipelines };
  const withFirstSeen = needsFirstSeen(mode);
  const repos = createRepoChanges(tx, state);
  const follows = createFollowChanges(tx, state, mode.policy, now);
  const series = createSeriesChanges(tx, state, {
    rulesOf: (tier) => rulesOf(mode, tier),
    withFirstSeen,
    cutoffOf: (tier) => now - retainedSeconds(mode.policy, tier),
    groundOf: (repo) => knownGroundOf(repos.at(repo)),
    markOf: (place) => marks.get(place),
    surroundingsOf(key, tier) {
      const repo = repos.at(key);
      return surroundingsOf(incidents.of(repo, tier), follows.all(), targetsOf(repo), now);
    },
  });
  const room = createRoom();
  const textsSince = mode.historySeconds == null ? 0 : now - mode.historySeconds;
  const marks = createMarkChanges(tx, state, room, textsSince);
  const admission = createAdmission(mode, { repos, follows, series, markOf: marks.get, room });
  const incidents = createIncidentChanges({
    tx,
    state,
    repos,
    series,
    room,
    policy: mode.policy.incidents,
    mostPairs: (mode.limits ?? noLimits).pairs,
    textsSince,
    now,
  });
  const firsts = createCommitFirsts(tx, series, withFirstSeen);
  let tally = state.tally;
  let { clockAhead } = state;
  /** Lead times of old deployments arrive later, one by one: do not count them, or rates would show a burst. */
  const lateBits = mode.asksForge ? leadTimeBit : 0;

  const rebuildSeries = (repo: Repo): void => {
    for (const tier of series.tiersOf(repo.key)) series.rebuild(repo.key, tier);
  };
  const putPipeline = async (before: StoredPipeline | null, after: StoredPipeline): Promise<void> => {
    await tx.pipelines.put(after);
    for (const [tier, change] of after.changes) {
      const place = { repo: after.repo, number: after.record.number, tier };
      if (before?.changes.get(tier) !== change) await tx.pipelines.putChange(place, change);
    }
    if (tally === state.tally) tally = state.tally.copy();
    if (before) tally.count(before, -1);
    tally.count(after, 1);
  };

  const uncount = (pipeline: StoredPipeline): void => {
    if (tally === state.tally) tally = state.tally.copy();
    tally.count(pipeline, -1);
  };

  /** Classifies a pipeline again after a change of its mark. */
  const markAgain = async ({ repo: key, number }: MarkPlace): Promise<void> => {
    const before = await tx.pipelines.get(key, number);
    if (!before) return;
    const repo = repos.at(key);
    const classification = admission.classify(repo, before.record);
    const credited = creditsAfterMove(repo, before, before.record, classification);
    const after = { ...before, classification, credited };
    await putPipeline(before, after);
    series.replace(key, before, after, await firsts.of(key, after.commit));
  };

  const uow: UnitOfWork = {
    tx,
    incidents,
    async putMark(mark) {
      if (!(await marks.put(mark))) return false;
      await markAgain(mark);
      return true;
    },
    async dropMark(place) {
      await marks.drop(place);
      await markAgain(place);
    },
    dropOldReasons: marks.dropOldReasons,
    judgeAgain() {
      for (const key of state.judgedUntilBefore(now)) {
        const pair = state.pairs.get(key);
        if (pair) series.judgeAgain(pair.repo, pair.tier);
      }
    },
    judgeReported(additions, others = []) {
      for (const { repo, tier } of [...state.reportedPairs(), ...others]) {
        const incidents = state.incidentsOf(repo, tier).flatMap((entry) => entry.incidents);
        const since = now - retainedSeconds(mode.policy, tier);
        series.foldAgain(repo, tier);
        // Such an incident may belong to a deployment that is in the base already.
        series.judgeAgain(
          repo,
          tier,
          incidents.filter(({ end }) => end === null || end > since),
        );
        if (additions === 'settled') series.settle(repo, tier);
      }
    },
    forge: createForgeAnswers(tx, series, firsts),
    repoById: repos.byId,
    repoByName: (fullName) => repos.named(fullName)[0] ?? null,
    reposByName: repos.named,
    async putRepo(repo) {
      if (!isSameGround(knownGroundOf(repos.at(repo.key)), knownGroundOf(repo))) series.moveGround(repo.key);
      repos.put(repo);
    },
    admitsRepo: (facts) => identity.admits(facts),
    repoOf: (facts) => identity.repoOf(facts),

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
        await putPipeline(before, after);
        series.replace(repo.key, before, after, await firsts.of(repoKey, after.commit));
      });
      if (!after.isPending) for (const tier of tiersOf(after)) series.makeKnown(repoKey, tier);
      if (!isOver(record)) return { result: 'unfinished', pipeline: after };
      const isNews = !before || !saysTheSame(before.record, record);
      return { result: isNews ? 'stored' : 'duplicate', pipeline: after };
    },

    async release(repoKey) {
      const before = repos.at(repoKey);
      const repo = { ...before, revealed: true, ...(!mode.canAsk && knownFromNow(before, now)) };
      if (!before.revealed) await uow.putRepo(repo);
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
            series.makeKnown(repoKey, tier);
          }
          const firstSeenAt = await firsts.of(repoKey, pending.commit);
          series.replace(repo.key, null, { ...pending, isPending: false, credited }, firstSeenAt);
        }
      }
      await tx.pipelines.releasePending(repoKey);
      // A pending pipeline may be the first of a commit that is deployed already.
      if (withFirstSeen) rebuildSeries(repo);
    },

    follow: follows.get,
    admitsHint: admission.admitsHint,
    putFollow: follows.put,
    dropFollow: follows.drop,

    rebuildAll(known) {
      for (const repo of state.repos.values()) {
        for (const tier of series.tiersOf(repo.key)) {
          series.rebuild(repo.key, tier);
          series.settle(repo.key, tier, known);
        }
      }
    },

    async reclassify(repoKey, additions) {
      const repo = repos.at(repoKey);
      const existing = new Set(series.tiersOf(repoKey));
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
          await putPipeline(before, after);
          series.noteUnread(before, after);
          for (const tier of [...tiersOf(before), ...tiersOf(after)]) series.rebuild(repo.key, tier);
        }
      }
      for (const tier of existing) {
        if (!yielded.has(tier)) series.retire(repoKey, tier);
        if (additions === 'settled') series.settle(repoKey, tier);
      }
      for (const tier of yielded) series.makeKnown(repoKey, tier);
      admission.makeKnownByName(repo);
    },

    async putClockAhead(seconds) {
      clockAhead = seconds;
      await tx.meta.put(clockAheadKey, String(seconds));
    },

    turnedAway: room.turnedAway,
    async finish() {
      for (const { repo, tier } of await series.flush()) incidents.judgeSharers(repos.at(repo), tier);
      const changedIncidents = await incidents.finish();
      const folded = await series.finish();
      await pipelines.flush();
      return {
        ...(await repos.finish()),
        ...folded,
        // Without a Woodpecker, the service never reads workflows later.
        unread: mode.canAsk ? folded.unread : new Map(),
        follows: follows.changed(),
        tally,
        incidents: changedIncidents,
        marks: marks.changed(),
        clockAhead,
      };
    },
  };
  const identity = createRepoIdentity({
    tx,
    repos,
    series,
    incidents,
    marks,
    admission,
    putPipeline,
    uncount,
    mode,
    now,
    reclassify: uow.reclassify,
  });
  return uow;
}

/** For a repo that no backfill will ever complete: everything posted counts from now on, without a horizon. */
function knownFromNow({ horizon, knownSince }: Repo, now: number): Pick<Repo, 'horizon' | 'knownSince'> {
  return knownSince === null ? { horizon: null, knownSince: now } : { horizon, knownSince };
}

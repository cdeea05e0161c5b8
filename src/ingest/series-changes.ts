/**
 * One transaction's changes to timelines and ledger: collects new and removed deployments per series, then folds each
 * changed series, and adds its credits to the totals of its pair.
 *
 * Guarantees: if a pipeline changes several times between two flushes, its last version counts; the state is only read.
 */

import { type Deployment, identityOf } from '../core/deployment.ts';
import { isSameGround, type KnownGround, knownGroundOf } from '../core/known-ground.ts';
import { retainedSeconds } from '../core/policy.ts';
import { runWithPauses } from '../core/portions.ts';
import { changesBase } from '../core/series/base-incidents.ts';
import type { Surroundings } from '../core/series/judged.ts';
import { lastIn } from '../core/series/last-deployed.ts';
import { addToTotals, type Credit, toReplay, zeroTotals } from '../core/series/ledger.ts';
import { type Pair, pairKey } from '../core/series/pair.ts';
import {
  type LedgerMode,
  type Reduction,
  reduceInPortions,
  type TimelineChange,
} from '../core/series/reducer.ts';
import { compact } from '../core/series/settle.ts';
import type { State, StateChange } from '../core/series/state.ts';
import { atBase, createTimeline, type Timeline } from '../core/series/timeline.ts';
import { isUnread, type StoredPipeline, tiersOf, toDeployment } from '../core/stored-pipeline.ts';
import type { Transaction } from '../store/store.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { type IntakeMode, needsFirstSeen, rulesOf } from './ingest-options.ts';
import type { PairChanges } from './pair-changes.ts';
import { type MarkOf, readSeries, shownMark } from './read-deployments.ts';
import type { RepoChanges } from './repo-changes.ts';

export interface SeriesChanges {
  /** Forgets all series and pairs of a repo. */
  drop(repo: number): void;
  /**
   * Notes the change of a pipeline from `before` to `after`. `firstSeenAt`: creation of its commit's first pipeline.
   */
  replace(
    repo: number,
    before: StoredPipeline | null,
    after: StoredPipeline,
    firstSeenAt: number | null,
  ): void;
  /** Notes whether the pipeline was or is unread. */
  noteUnread(before: StoredPipeline | null, after: StoredPipeline): void;
  /** Folds all series of a repo again whose known ground has changed. */
  moveGround(repo: number): void;
  /** Builds the series from the store at the next flush. */
  rebuild(repo: number, tier: string): void;
  /** The earlier additions of the series' deployments to the ledger, reconstructed with today's values. */
  addedBy(repo: number, tier: string): Promise<readonly Credit[]>;
  /** Folds the series again at the next flush, from the timeline's base. */
  foldAgain(repo: number, tier: string): void;
  /** Judges the series again at the next flush. */
  judgeAgain(repo: number, tier: string): void;
  /** Unix seconds of the pair's last deployment; 0: there is none. */
  lastAt(repo: number, tier: string): number;
  /**
   * The next `flush` adds nothing to the pair's totals, but stores the credits. `metrics`: names of the metrics to
   * which this applies; all by default.
   */
  settle(repo: number, tier: string, metrics?: ReadonlySet<string>): void;
  /** Folds the changed series, adds their credits to the ledger, and returns their pairs. */
  flush(): Promise<readonly Pick<Pair, 'repo' | 'tier'>[]>;
  /** Flushes, writes the pairs, and returns the change of state. */
  finish(): Promise<Pick<StateChange, 'timelines' | 'pairs' | 'unread'>>;
}

interface SeriesChange {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  /** By `identityOf`: the deployment in the timeline, and the current one. */
  readonly pipelines: Map<string, { was: Deployment | null; now: Deployment | null }>;
  isRebuilt: boolean;
  isFoldedAgain: boolean;
}

export interface SeriesOptions {
  readonly mode: IntakeMode;
  /** Unix seconds. */
  readonly now: number;
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  /** The current mark of a deployment. */
  readonly markOf: MarkOf;
  /** The current surroundings of a repo and tier. */
  readonly surroundingsOf: (repo: number, tier: string) => Surroundings;
}

export function createSeriesChanges(
  tx: Transaction,
  state: State,
  { mode, now, repos, pairs, markOf, surroundingsOf }: SeriesOptions,
): SeriesChanges {
  const withFirstSeen = needsFirstSeen(mode);
  /** Unix seconds: deployments up to this time may be folded into the base of a tier's timelines. */
  const cutoffOf = (tier: string): number => now - retainedSeconds(mode.policy, tier);
  const groundOf = (repo: number): KnownGround => knownGroundOf(repos.at(repo));
  const changes = new Map<string, SeriesChange>();
  const settled = new Map<string, ReadonlySet<string> | 'all'>();
  /** Repos with a pipeline that was or is unread. */
  const withUnread = new Set<number>();
  const timelines = new Map<string, Timeline | null>();

  const timelineOf = (key: string): Timeline | null =>
    (timelines.has(key) ? timelines.get(key) : state.timelines.get(key)) ?? null;
  const changeOf = (repo: number, tier: string): SeriesChange => {
    const key = pairKey(repo, tier);
    const known = changes.get(key);
    if (known) return known;
    const created = { repo, tier, pipelines: new Map(), isRebuilt: false, isFoldedAgain: false };
    changes.set(key, created);
    return created;
  };
  const move = (repo: number, tier: string, was: Deployment | null, now: Deployment | null): void => {
    const deployment = now ?? was;
    if (!deployment) return;
    const { pipelines } = changeOf(repo, tier);
    const earlier = pipelines.get(identityOf(deployment));
    pipelines.set(identityOf(deployment), { was: earlier ? earlier.was : was, now });
  };

  const yieldToEventLoop = createEventLoopYield();
  const reduce = (timeline: Timeline, change: TimelineChange): Promise<Reduction | null> =>
    runWithPauses(reduceInPortions(timeline, change), yieldToEventLoop);
  const reduceChange = async (key: string, change: SeriesChange): Promise<Reduction | null> => {
    const all = [...change.pipelines.values()];
    const known = timelineOf(key);
    const timeline = known && change.isFoldedAgain ? atBase(known) : known;
    const ground = groundOf(change.repo);
    // The clock was ahead when the base was made: it contains deployments that windows need. Only the store has them.
    const isCutShort = timeline && timeline.baseEnd > cutoffOf(change.tier);
    if (timeline && (isCutShort || !isSameGround(timeline.base.ground, ground))) return null;
    const surroundings = surroundingsOf(change.repo, change.tier);
    if (known && changesBase(known, surroundings.incidents)) return null;
    const inserted = all.flatMap(({ now }) => now ?? []);
    if (known && change.isFoldedAgain) {
      inserted.push(...known.recent.filter((one) => !change.pipelines.has(identityOf(one))));
    }
    return reduce(timeline ?? createTimeline(rulesOf(mode, change.tier), ground), {
      removed: all.flatMap(({ was }) => was ?? []),
      inserted,
      surroundings,
    });
  };
  const foldFromStore = async (
    { repo, tier }: Pick<Pair, 'repo' | 'tier'>,
    ledger: LedgerMode = 'add',
  ): Promise<Reduction> => {
    const inserted: Deployment[] = [];
    for await (const slice of readSeries(tx.pipelines, markOf, { only: { repo, tier }, withFirstSeen })) {
      for (const deployment of slice) inserted.push(ledger === 'replay' ? toReplay(deployment) : deployment);
    }
    const surroundings = surroundingsOf(repo, tier);
    const start = createTimeline(rulesOf(mode, tier), groundOf(repo));
    const reduction = await reduce(start, { removed: [], inserted, surroundings, ledger });
    if (!reduction) throw new Error(`Repo ${repo} has a deployment to "${tier}" without a time`);
    return reduction;
  };
  const writeCredits = async (credits: readonly Credit[], tier: string): Promise<void> => {
    for (const { deployment, additions } of credits) {
      await yieldToEventLoop();
      await tx.pipelines.setCredited({ ...deployment, tier }, deployment.credited);
      const left = settled.get(pairKey(deployment.repo, tier));
      if (left === 'all') continue;
      const added = left ? additions.filter(({ metric }) => !left.has(metric.name)) : additions;
      const pair = pairs.at(deployment.repo, tier);
      pairs.put({
        isKnown: true,
        ...pair,
        repo: deployment.repo,
        tier,
        totals: addToTotals(pair?.totals ?? zeroTotals, added),
      });
    }
  };

  const flush = async (): Promise<readonly Pick<Pair, 'repo' | 'tier'>[]> => {
    for (const [key, change] of changes) {
      const reduction =
        (change.isRebuilt ? null : await reduceChange(key, change)) ?? (await foldFromStore(change));
      await writeCredits(reduction.credits, change.tier);
      const timeline = compact(reduction.timeline, cutoffOf(change.tier));
      const isEmpty = timeline.recent.length === 0 && timeline.baseEnd === 0;
      timelines.set(key, isEmpty ? null : timeline);
    }
    const folded = [...changes.values()];
    changes.clear();
    settled.clear();
    return folded;
  };

  const noteUnread = (before: StoredPipeline | null, after: StoredPipeline): void => {
    if ((before && isUnread(before)) || isUnread(after)) withUnread.add(after.repo);
  };

  return {
    noteUnread,
    drop(repo) {
      for (const tier of pairs.tiersOf(repo)) {
        changes.delete(pairKey(repo, tier));
        timelines.set(pairKey(repo, tier), null);
      }
      pairs.drop(repo);
    },
    replace(repo, before, after, firstSeenAt) {
      for (const tier of new Set([...(before ? tiersOf(before) : []), ...tiersOf(after)])) {
        const was = before && toDeployment(before, tier);
        const mark = shownMark(markOf({ repo, number: after.record.number, tier }));
        const now = toDeployment(after, tier, firstSeenAt, mark);
        move(repo, tier, was, now);
      }
      noteUnread(before, after);
    },
    moveGround(repo) {
      for (const tier of pairs.tiersOf(repo)) changeOf(repo, tier);
    },
    rebuild(repo, tier) {
      changeOf(repo, tier).isRebuilt = true;
    },
    addedBy: async (repo, tier) => (await foldFromStore({ repo, tier }, 'replay')).credits,
    foldAgain(repo, tier) {
      if (timelineOf(pairKey(repo, tier))) changeOf(repo, tier).isFoldedAgain = true;
    },
    judgeAgain(repo, tier) {
      if (timelineOf(pairKey(repo, tier))) changeOf(repo, tier);
    },
    lastAt: (repo, tier) => lastIn(timelineOf(pairKey(repo, tier)) ?? undefined),
    settle(repo, tier, metrics) {
      settled.set(pairKey(repo, tier), metrics ?? 'all');
    },
    flush,
    async finish() {
      await flush();
      const changedPairs = pairs.changed();
      for (const pair of changedPairs) await tx.pairs.put(pair);
      const unread = new Map<string, number | null>();
      for (const repo of withUnread) {
        for (const tier of pairs.tiersOf(repo)) {
          unread.set(pairKey(repo, tier), await tx.pipelines.latestUnread(repo, tier));
        }
      }
      return { timelines, pairs: changedPairs, unread };
    },
  };
}

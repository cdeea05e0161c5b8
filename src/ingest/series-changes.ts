/**
 * One transaction's changes to timelines and ledger: collects new and removed deployments per series, then folds each
 * changed series, and adds its credits to the totals of its pair.
 *
 * Guarantees: if a pipeline changes several times between two flushes, its last version counts; the state is only read.
 */

import { type Deployment, identityOf } from '../core/deployment.ts';
import type { FigureRules } from '../core/figures/figure.ts';
import { isSameGround, type KnownGround } from '../core/known-ground.ts';
import { type BookIncident, mayBelongBefore } from '../core/series/incident-book.ts';
import type { Surroundings } from '../core/series/judged.ts';
import {
  addIncidents,
  addToTotals,
  type Credit,
  sumTotals,
  type Totals,
  toReplay,
  zeroTotals,
} from '../core/series/ledger.ts';
import { type Pair, pairKey } from '../core/series/pair.ts';
import {
  type LedgerMode,
  type Reduction,
  reduceInSteps,
  type TimelineChange,
} from '../core/series/reducer.ts';
import { compact } from '../core/series/settle.ts';
import { lastIn, type State, type StateChange } from '../core/series/state.ts';
import { atBase, createTimeline, type Timeline } from '../core/series/timeline.ts';
import { runWithPauses } from '../core/steps.ts';
import { isUnread, type StoredPipeline, tiersOf as tiersIn, toDeployment } from '../core/stored-pipeline.ts';
import type { Transaction } from '../store/store.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { type MarkOf, readSeries, shownMark } from './read-deployments.ts';

export interface SeriesChanges {
  /** Tiers of the repo's pairs, whether the policy yields the pairs or not. */
  tiersOf(repo: number): readonly string[];
  /** Whether the pair exists, whether the policy yields it or not. */
  hasPair(repo: number, tier: string): boolean;
  /** Whether the pair exists and the policy yields it. */
  isKnown(repo: number, tier: string): boolean;
  /** Pairs that have become known in this transaction. */
  newlyKnown(): readonly Pick<Pair, 'repo' | 'tier'>[];
  pairOf(repo: number, tier: string): Pair | null;
  /** Replaces the pair's totals, and builds its series from the store at the next flush. */
  takeOver(repo: number, tier: string, totals: Totals): void;
  /** Adds to the totals that the pair carries for repos that shared its name; does nothing without such a pair. */
  carry(repo: number, tier: string, totals: Totals): void;
  /** Forgets all series of a repo. */
  drop(repo: number): void;
  /** Adds to the total of the pair's incidents. */
  countIncidents(repo: number, tier: string, count: number): void;
  /** Number of pairs, with the changes of this transaction. */
  readonly pairCount: number;
  /** Adds the pair, not known yet, if it does not exist. */
  reserve(repo: number, tier: string): void;
  /** Makes a pair known; it keeps the totals that it may have had before. */
  makeKnown(repo: number, tier: string): void;
  /** Ends a pair that the policy no longer yields; its totals stay. */
  retire(repo: number, tier: string): void;
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
  /** Judges the series again at the next flush; rebuilds it if one of `incidents` may belong to the timeline's base. */
  judgeAgain(repo: number, tier: string, incidents?: readonly BookIncident[]): void;
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
  readonly rulesOf: (tier: string) => FigureRules;
  readonly withFirstSeen: boolean;
  /** Unix seconds: deployments up to this time may be folded into the base of a tier's timelines. */
  readonly cutoffOf: (tier: string) => number;
  /** The current known ground of a repo. */
  readonly groundOf: (repo: number) => KnownGround;
  /** The current mark of a deployment. */
  readonly markOf: MarkOf;
  /** The current surroundings of a repo and tier. */
  readonly surroundingsOf: (repo: number, tier: string) => Surroundings;
}

export function createSeriesChanges(
  tx: Transaction,
  state: State,
  { rulesOf, withFirstSeen, cutoffOf, groundOf, markOf, surroundingsOf }: SeriesOptions,
): SeriesChanges {
  const pairs = new Map<string, Pair>();
  const changedTiers = new Map<number, Set<string>>();
  const changes = new Map<string, SeriesChange>();
  const settled = new Map<string, ReadonlySet<string> | 'all'>();
  let added = 0;
  /** Repos with a pipeline that was or is unread. */
  const withUnread = new Set<number>();
  const timelines = new Map<string, Timeline | null>();

  const timelineOf = (key: string): Timeline | null =>
    (timelines.has(key) ? timelines.get(key) : state.timelines.get(key)) ?? null;
  const pairAt = (repo: number, tier: string): Pair | undefined =>
    pairs.get(pairKey(repo, tier)) ?? state.pairs.get(pairKey(repo, tier));
  const setPair = (pair: Pair): void => {
    if (!pairAt(pair.repo, pair.tier)) added++;
    pairs.set(pairKey(pair.repo, pair.tier), pair);
    changedTiers.set(pair.repo, (changedTiers.get(pair.repo) ?? new Set()).add(pair.tier));
  };
  const changeOf = (repo: number, tier: string): SeriesChange => {
    const key = pairKey(repo, tier);
    const known = changes.get(key);
    if (known) return known;
    const created = { repo, tier, pipelines: new Map(), isRebuilt: false, isFoldedAgain: false };
    changes.set(key, created);
    return created;
  };
  const move = (repo: number, tier: string, was: Deployment | null, now: Deployment | null): void => {
    const { pipelines } = changeOf(repo, tier);
    const deployment = now ?? was;
    if (!deployment) return;
    const earlier = pipelines.get(identityOf(deployment));
    pipelines.set(identityOf(deployment), { was: earlier ? earlier.was : was, now });
  };

  const yieldToEventLoop = createEventLoopYield();
  const reduce = (timeline: Timeline, change: TimelineChange): Promise<Reduction | null> =>
    runWithPauses(reduceInSteps(timeline, change), yieldToEventLoop);
  const reduceChange = async (key: string, change: SeriesChange): Promise<Reduction | null> => {
    const all = [...change.pipelines.values()];
    const known = timelineOf(key);
    const timeline = known && change.isFoldedAgain ? atBase(known) : known;
    const ground = groundOf(change.repo);
    // The clock was ahead when the base was made: it contains deployments that windows need. Only the store has them.
    const isCutShort = timeline && timeline.baseEnd > cutoffOf(change.tier);
    if (timeline && (isCutShort || !isSameGround(timeline.base.ground, ground))) return null;
    const inserted = all.flatMap(({ now }) => now ?? []);
    if (known && change.isFoldedAgain) {
      inserted.push(...known.recent.filter((one) => !change.pipelines.has(identityOf(one))));
    }
    return reduce(timeline ?? createTimeline(rulesOf(change.tier), ground), {
      removed: all.flatMap(({ was }) => was ?? []),
      inserted,
      surroundings: surroundingsOf(change.repo, change.tier),
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
    const start = createTimeline(rulesOf(tier), groundOf(repo));
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
      const pair = pairAt(deployment.repo, tier);
      setPair({
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
      timelines.set(key, isEmpty(timeline) ? null : timeline);
    }
    const folded = [...changes.values()];
    changes.clear();
    settled.clear();
    return folded;
  };

  const tiersOf = (repo: number): readonly string[] => [
    ...new Set([...state.tiersOf(repo), ...(changedTiers.get(repo) ?? [])]),
  ];

  const noteUnread = (before: StoredPipeline | null, after: StoredPipeline): void => {
    if ((before && isUnread(before)) || isUnread(after)) withUnread.add(after.repo);
  };

  return {
    tiersOf,
    noteUnread,
    hasPair: (repo, tier) => pairAt(repo, tier) !== undefined,
    isKnown: (repo, tier) => pairAt(repo, tier)?.isKnown ?? false,
    newlyKnown: () =>
      [...pairs.values()].filter(
        ({ repo, tier, isKnown }) => isKnown && !state.pairs.get(pairKey(repo, tier))?.isKnown,
      ),
    pairOf: (repo, tier) => pairAt(repo, tier) ?? null,
    takeOver(repo, tier, totals) {
      setPair({ isKnown: false, ...pairAt(repo, tier), repo, tier, totals });
      changeOf(repo, tier).isRebuilt = true;
    },
    carry(repo, tier, totals) {
      const pair = pairAt(repo, tier);
      if (pair) setPair({ ...pair, carried: sumTotals(pair.carried ?? zeroTotals, totals) });
    },
    drop(repo) {
      for (const tier of tiersOf(repo)) {
        const key = pairKey(repo, tier);
        if (pairAt(repo, tier)) added--;
        pairs.delete(key);
        changes.delete(key);
        timelines.set(key, null);
      }
      changedTiers.delete(repo);
    },
    countIncidents(repo, tier, count) {
      const pair = pairAt(repo, tier);
      if (pair) setPair({ ...pair, totals: addIncidents(pair.totals, count) });
    },
    get pairCount() {
      return state.pairs.size + added;
    },
    reserve(repo, tier) {
      if (!pairAt(repo, tier)) setPair({ repo, tier, totals: zeroTotals, isKnown: false });
    },
    makeKnown(repo, tier) {
      const pair = pairAt(repo, tier);
      if (!pair?.isKnown) setPair({ totals: zeroTotals, ...pair, repo, tier, isKnown: true });
    },
    retire(repo, tier) {
      const pair = pairAt(repo, tier);
      if (pair?.isKnown) setPair({ ...pair, isKnown: false });
    },
    replace(repo, before, after, firstSeenAt) {
      for (const tier of new Set([...(before ? tiersIn(before) : []), ...tiersIn(after)])) {
        const was = before && toDeployment(before, tier);
        const mark = shownMark(markOf({ repo, number: after.record.number, tier }));
        const now = toDeployment(after, tier, firstSeenAt, mark);
        if (was || now) move(repo, tier, was, now);
      }
      noteUnread(before, after);
    },
    moveGround(repo) {
      for (const tier of tiersOf(repo)) changeOf(repo, tier);
    },
    rebuild(repo, tier) {
      changeOf(repo, tier).isRebuilt = true;
    },
    addedBy: async (repo, tier) => (await foldFromStore({ repo, tier }, 'replay')).credits,
    foldAgain(repo, tier) {
      if (timelineOf(pairKey(repo, tier))) changeOf(repo, tier).isFoldedAgain = true;
    },
    judgeAgain(repo, tier, incidents = []) {
      const timeline = timelineOf(pairKey(repo, tier));
      if (!timeline) return;
      const change = changeOf(repo, tier);
      change.isRebuilt ||= incidents.some((incident) => mayBelongBefore(timeline, incident));
    },
    lastAt(repo, tier) {
      return lastIn(timelineOf(pairKey(repo, tier)) ?? undefined);
    },
    settle(repo, tier, metrics) {
      settled.set(pairKey(repo, tier), metrics ?? 'all');
    },
    flush,
    async finish() {
      await flush();
      for (const pair of pairs.values()) await tx.pairs.put(pair);
      const unread = new Map<string, number | null>();
      for (const repo of withUnread) {
        for (const tier of tiersOf(repo))
          unread.set(pairKey(repo, tier), await tx.pipelines.latestUnread(repo, tier));
      }
      return { timelines, pairs: [...pairs.values()], unread };
    },
  };
}

function isEmpty({ recent, baseEnd }: Timeline): boolean {
  return recent.length === 0 && baseEnd === 0;
}

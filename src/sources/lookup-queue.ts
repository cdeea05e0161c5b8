/**
 * The order of lookups in the forge: deployments in memory before older ones, the newest first.
 *
 * Older deployments are read from the store, in batches of one series. The answers of a batch are applied together, since
 * a change of an old deployment means computing the series from its beginning.
 */

import { isWatched } from '../core/classification.ts';
import { type Lookup, lookupsOf, pendingBefore } from '../core/lead-time-lookups.ts';
import { pairKey } from '../core/series/pair.ts';
import type { Timeline } from '../core/series/timeline.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { findOlderLookups, type Series } from './older-lookups.ts';

export interface QueuedLookup extends Lookup {
  /** `null`: its deployment is in memory. */
  readonly batch: Batch | null;
}

export interface LookupQueue {
  /** Number of deployments that still need a lookup. */
  readonly pending: number;
  /** Keys of the repos with lookups. */
  repos(): ReadonlySet<number>;
  /** Updates the queue from the state, without the taken lookups. */
  refresh(isTaken: (lookup: Lookup) => boolean): void;
  /** Whether the queue has a lookup of a due repo. */
  hasDue(isDue: (repo: number) => boolean): boolean;
  /** Takes the next lookup of a due repo; `null`: there is none. */
  take(isDue: (repo: number) => boolean): QueuedLookup | null;
  /** Ends a taken lookup. `isAnswered`: its answer is stored; if not, the lookup returns to its batch. */
  finish(lookup: QueuedLookup, isAnswered: boolean): void;
  /**
   * Applies the answers of one batch if all its lookups are answered or its repo is not due. Otherwise reads a new batch.
   * `false`: there was nothing to do. Rejects with `StoreUnavailable`.
   */
  workOnBatches(isDue: (repo: number) => boolean): Promise<boolean>;
}

export interface Batch {
  readonly series: Series;
  /** Newest first. */
  readonly waiting: Lookup[];
  /** Number of lookups that are running, or answered and not stored. */
  taken: number;
  /** Number of answers that are stored, but not applied to the series yet. */
  answered: number;
}

interface OlderSeries {
  readonly key: string;
  readonly series: Series;
  readonly timeline: Timeline;
  readonly count: number;
}

/** Lookups in a batch. Large, since applying a batch reads the whole series. A lookup takes some hundred bytes. */
const batchSize = 10_000;
const mostBatches = 4;

export function createLookupQueue(ingest: Ingest): LookupQueue {
  const { state } = ingest;
  /** Lookups of each series, by its key; valid while the timeline is the same. */
  const wanted = new Map<string, { readonly timeline: Timeline; readonly lookups: readonly Lookup[] }>();
  /** By key of the series. */
  const batches = new Map<string, Batch>();
  /** Number of pending lookups of each series for which the store contained none, by key of the series. */
  const fruitless = new Map<string, number>();
  let recent: readonly Lookup[] = [];
  let older: readonly OlderSeries[] = [];
  let foundAt = -1;
  let queue: Lookup[] = [];

  /** Whether the repo exists and is watched. */
  const isEligible = (key: number): boolean => {
    const repo = state.repos.get(key);
    return repo !== undefined && !repo.isGone && isWatched(ingest.mode.policy, repo.fullName);
  };
  const find = (): void => {
    if (state.version === foundAt) return;
    for (const [key, timeline] of state.timelines) {
      if (wanted.get(key)?.timeline === timeline) continue;
      const tier = state.pairs.get(key)?.tier ?? '';
      wanted.set(key, { timeline, lookups: lookupsOf(timeline, tier) });
    }
    for (const key of [...wanted.keys(), ...batches.keys()]) {
      if (state.timelines.has(key)) continue;
      wanted.delete(key);
      batches.delete(key);
    }
    recent = [...wanted.values()]
      .flatMap(({ lookups }) => (lookups[0] && isEligible(lookups[0].repo) ? lookups : []))
      .sort((a, b) => b.at - a.at);
    older = [...state.pairs.values()].flatMap((series): readonly OlderSeries[] => {
      const key = pairKey(series.repo, series.tier);
      const timeline = state.timelines.get(key);
      const count = timeline ? pendingBefore(timeline) : 0;
      return timeline && count > 0 && isEligible(series.repo) ? [{ key, series, timeline, count }] : [];
    });
    foundAt = state.version;
  };
  const nextBatch = (isDue: (repo: number) => boolean): Batch | null => {
    const ready = [...batches.values()].filter(
      ({ waiting, series: { repo } }) => waiting.length > 0 && isDue(repo) && isEligible(repo),
    );
    const at = ({ waiting }: Batch) => waiting[0]?.at ?? 0;
    return ready.reduce<Batch | null>((next, one) => (next && at(next) >= at(one) ? next : one), null);
  };
  const applyAnswers = async (key: string, batch: Batch): Promise<void> => {
    const { repo, tier } = batch.series;
    await ingest.submit({ kind: 'foldOlder', repo, tier });
    batch.answered = 0;
    if (batch.waiting.length === 0) batches.delete(key);
  };

  return {
    get pending() {
      find();
      // Until the answers of a batch are applied, figures are incomplete: at least one lookup is pending.
      const left = older.map(({ key, count }) => Math.max(1, count - (batches.get(key)?.answered ?? 0)));
      return left.reduce((sum, count) => sum + count, recent.length);
    },
    repos() {
      find();
      const repos = new Set(older.map(({ series }) => series.repo));
      for (const { repo } of recent) repos.add(repo);
      return repos;
    },
    refresh(isTaken) {
      find();
      queue = recent.filter((lookup) => !isTaken(lookup));
    },
    hasDue: (isDue) => queue.some(({ repo }) => isDue(repo)) || nextBatch(isDue) !== null,
    take(isDue) {
      const index = queue.findIndex(({ repo }) => isDue(repo));
      const [lookup] = index < 0 ? [] : queue.splice(index, 1);
      if (lookup) return { ...lookup, batch: null };
      const batch = nextBatch(isDue);
      const olderLookup = batch?.waiting.shift();
      if (!batch || !olderLookup) return null;
      batch.taken++;
      return { ...olderLookup, batch };
    },
    finish({ batch, ...lookup }, isAnswered) {
      if (!batch) return;
      batch.taken--;
      if (isAnswered) batch.answered++;
      else batch.waiting.unshift(lookup);
    },
    async workOnBatches(isDue) {
      for (const [key, batch] of batches) {
        const { waiting, taken, answered, series } = batch;
        const mustApply = waiting.length === 0 || (answered > 0 && !isDue(series.repo));
        if (taken > 0 || !mustApply) continue;
        await applyAnswers(key, batch);
        return true;
      }
      find();
      if (batches.size >= mostBatches) return false;
      const unread = older.find(({ key, count }) => !batches.has(key) && fruitless.get(key) !== count);
      if (!unread) return false;
      const { key, series, timeline, count } = unread;
      const waiting = [...(await findOlderLookups(ingest, series, timeline, batchSize))];
      if (waiting.length === 0) fruitless.set(key, count);
      else fruitless.delete(key);
      batches.set(key, { series, waiting, taken: 0, answered: 0 });
      return true;
    },
  };
}

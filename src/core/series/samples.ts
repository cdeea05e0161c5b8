/**
 * From state to what is shown: one sample per series and per tier, the exact gauges and windows beside the ledger's
 * totals. What shows is decided here, how it is written down elsewhere.
 *
 * Guarantees: what is shown follows from the state and `now` alone. A sample is the same object as long as it says the
 * same, so that whoever renders it can tell what has changed.
 */

import { compareText } from '../compare-text.ts';
import { defaultRules } from '../figures/figure.ts';
import { figures } from '../figures/index.ts';
import type { Window } from '../policy.ts';
import type { Repo } from '../repo.ts';
import { isEnded } from '../verdict.ts';
import { coverageOf, knownTimeOf } from '../windows/coverage.ts';
import {
  createTierWindows,
  type TierSample,
  type TierShare,
  type TierWindows,
} from '../windows/tier-windows.ts';
import { prepareWindows, windowsOf } from '../windows/window-content.ts';
import { sumTotals, type Totals } from './ledger.ts';
import { type Pair, pairKey, seriesKey, shownTotals } from './pair.ts';
import { createTimeline, type Timeline } from './reducer.ts';
import type { State } from './state.ts';

export interface SeriesSample {
  /** Current full name of the repo. */
  readonly repo: string;
  readonly tier: string;
  /** In the order of `gauges`. */
  readonly gauges: readonly number[];
  readonly totals: Totals;
  /** Whether a deployment was ever seen: its histograms are shown from then on. */
  readonly hasDeployed: boolean;
  /** `null` while the longest window holds no deployment. */
  readonly windows: TierShare | null;
}

export interface Projected {
  /** Sorted by repo and tier; each once, whatever shares its name. */
  readonly series: readonly SeriesSample[];
  /** Sorted by tier. */
  readonly tiers: readonly TierSample[];
}

export interface Projection {
  /** What is shown at `now` (Unix seconds); the same object as long as nothing has changed. */
  at(now: number): Projected;
  /** Does the work of `at` ahead, in pieces: `yieldToEventLoop` is called between them. */
  prepare(now: number, yieldToEventLoop: () => Promise<void>): Promise<void>;
}

/** Every gauge of every figure, and where its state stands in a fold. */
export const gauges = figures.flatMap((figure, index) => figure.gauges.map((gauge) => ({ ...gauge, index })));

/** The gauges of a series, in the order of `gauges`; `timelines`: of each repo that has its name. */
export function gaugesOf(timelines: readonly Timeline[]): number[] {
  const ends = timelines.map(({ current, episodes }) => {
    const last = episodes.at(-1) ?? null;
    return { states: current.states, open: last && isEnded(last) ? null : last };
  });
  return gauges.map(({ index, value, combine }) =>
    combine(ends.map(({ states, open }) => value(states[index], open))),
  );
}

/** What a sample is made of: usually one pair, several if repos share a name. */
export interface Ingredients {
  readonly repo: Repo;
  readonly pairs: readonly Pair[];
  /** Of the pairs that have one. */
  readonly timelines: readonly Timeline[];
  readonly knownSince: number | null;
}

interface Made {
  readonly from: Ingredients;
  readonly sample: SeriesSample;
  /** Unix seconds between which the sample holds. */
  readonly asOf: number;
  readonly validUntil: number;
}

const deploymentsAtOnce = 2_000;
const untouched = createTimeline(defaultRules);

export function createProjection(state: State, windows: readonly Window[]): Projection {
  const made = new Map<string, Made>();
  const tiers = new Map<string, TierWindows>();
  let latest: Projected = { series: [], tiers: [] };
  let latestVersion = -1;
  let asOf = 0;
  let validUntil = 0;
  let shown: ReadonlyMap<string, Ingredients> = new Map();
  let shownVersion = -1;
  let order: readonly string[] = [];

  /** What is shown now; between two changes of the state it is looked up once. */
  const lookUpShown = (): ReadonlyMap<string, Ingredients> => {
    if (shownVersion !== state.version) {
      shown = shownSeries(state);
      shownVersion = state.version;
    }
    return shown;
  };
  const isCurrent = (now: number): boolean =>
    state.version === latestVersion && now >= asOf && now < validUntil;

  /** Brings one series up to date; returns how many deployments that took. */
  const refresh = (key: string, from: Ingredients, now: number): number => {
    const before = made.get(key);
    if (before && now >= before.asOf && now < before.validUntil && isSame(before.from, from)) return 0;
    const after = makeSample(from, windows, now);
    made.set(key, after);
    exchangeInTier(before?.sample ?? null, after.sample);
    return from.timelines.reduce((sum, { recent }) => sum + recent.length, 0);
  };
  const exchangeInTier = (before: SeriesSample | null, after: SeriesSample | null): void => {
    const tier = (after ?? before)?.tier ?? '';
    if (!before?.windows && !after?.windows) return;
    const book = tiers.get(tier) ?? createTierWindows(tier, windows.length);
    tiers.set(tier, book);
    book.exchange(before?.windows ?? null, after?.windows ?? null);
  };

  return {
    at(now) {
      if (isCurrent(now)) return latest;
      for (const [key, from] of lookUpShown()) refresh(key, from, now);
      if (made.size > shown.size || order.length !== shown.size || order.some((key) => !shown.has(key))) {
        for (const [key, { sample }] of made) {
          if (shown.has(key)) continue;
          made.delete(key);
          exchangeInTier(sample, null);
        }
        order = [...shown.keys()].sort(compareText);
      }
      validUntil = Number.POSITIVE_INFINITY;
      for (const series of made.values()) validUntil = Math.min(validUntil, series.validUntil);
      latestVersion = state.version;
      asOf = now;
      latest = {
        series: order.flatMap((key) => made.get(key)?.sample ?? []),
        tiers: [...tiers.keys()].sort(compareText).flatMap((tier) => tiers.get(tier)?.sample() ?? []),
      };
      return latest;
    },
    async prepare(now, yieldToEventLoop) {
      if (isCurrent(now)) return;
      let untold = 0;
      for (const [key, from] of lookUpShown()) {
        for (const timeline of from.timelines)
          for (const _ of prepareWindows(timeline)) await yieldToEventLoop();
        untold += 1 + refresh(key, from, now);
        if (untold < deploymentsAtOnce) continue;
        untold = 0;
        await yieldToEventLoop();
      }
      for (const book of tiers.values()) {
        book.sample();
        await yieldToEventLoop();
      }
    },
  };
}

/** All series that are known and may be shown, by `seriesKey`. */
export function shownSeries(state: State): Map<string, Ingredients> {
  const groups = new Map<string, Pair[]>();
  for (const pair of state.pairs.values()) {
    const repo = state.repos.get(pair.repo);
    if (!repo?.revealed) continue;
    const key = seriesKey(repo, pair.tier);
    const group = groups.get(key);
    if (group) group.push(pair);
    else groups.set(key, [pair]);
  }
  const shown = new Map<string, Ingredients>();
  for (const [key, pairs] of groups) {
    const ingredients = gather(state, pairs);
    if (ingredients) shown.set(key, ingredients);
  }
  return shown;
}

/** The one series of a repo's name, whatever its case, and a tier; `null` where none is shown. */
export function findSeries(state: State, fullName: string, tier: string): Ingredients | null {
  const repos = state.reposByName(fullName).filter(({ revealed }) => revealed);
  const pairs = repos.flatMap((repo) => state.pairs.get(pairKey(repo.key, tier)) ?? []);
  return pairs.length > 0 ? gather(state, pairs) : null;
}

/** What a series of these pairs is made of; `null` if none of them may be shown. */
function gather(state: State, pairs: readonly Pair[]): Ingredients | null {
  const isShown = pairs.some((pair) => pair.isKnown && !state.repos.get(pair.repo)?.isGone);
  const repos = pairs.flatMap((pair) => state.repos.get(pair.repo) ?? []);
  if (!isShown || repos.length === 0) return null;
  const repo = repos.reduce((latest, other) => (other.namedAt > latest.namedAt ? other : latest));
  // Of repos that share a name, the one known for the shortest decides what is known of both.
  const since = Math.max(
    ...repos.map((one) => one.knownSince ?? Number.POSITIVE_INFINITY),
    // What a tier does with a pipeline is unknown until its workflows are read; the latest are read first.
    ...pairs.flatMap((pair) => state.unread.get(pairKey(pair.repo, pair.tier)) ?? []),
  );
  const knownSince = Number.isFinite(since) ? since : null;
  const timelines = pairs.flatMap((pair) => state.timelines.get(pairKey(pair.repo, pair.tier)) ?? []);
  return { repo, pairs, timelines, knownSince };
}

function makeSample(from: Ingredients, windows: readonly Window[], now: number): Made {
  const { repo, pairs, timelines, knownSince } = from;
  // What a pair has added stays in, known or not: a series' totals never fall.
  const totals = pairs.map(shownTotals).reduce(sumTotals);
  const held = windows.length > 0 ? windowsOf(timelines, windows, now) : null;
  const coverage = held?.isAny ? windows.map((window) => coverageOf(knownSince, window, now)) : [];
  const sample: SeriesSample = {
    repo: repo.fullName,
    tier: pairs[0]?.tier ?? '',
    gauges: gaugesOf(timelines.length > 0 ? timelines : [untouched]),
    totals,
    hasDeployed: timelines.length > 0 || hasAny(totals),
    windows: held?.isAny
      ? {
          windows: held.windows,
          coverage: coverage.map(({ ratio }) => ratio),
          knownTime: windows.map((window) => knownTimeOf(knownSince, window, now)),
        }
      : null,
  };
  const ends = [
    held?.validUntil ?? Number.POSITIVE_INFINITY,
    ...coverage.map((one) => one.validUntil),
    // The clock ran ahead: known time begins later.
    ...(knownSince !== null && knownSince >= now ? [knownSince + 1] : []),
  ];
  return { from, sample, asOf: now, validUntil: Math.min(...ends) };
}

function isSame(a: Ingredients, b: Ingredients): boolean {
  if (a === b) return true;
  return (
    a.timelines.length === b.timelines.length &&
    a.timelines.every((timeline, index) => timeline === b.timelines[index]) &&
    a.knownSince === b.knownSince &&
    a.repo.fullName === b.repo.fullName &&
    a.pairs.length === b.pairs.length &&
    a.pairs.every((pair, index) => pair === b.pairs[index])
  );
}

function hasAny(totals: Totals): boolean {
  return Object.values(totals.counters).some((count) => count > 0);
}

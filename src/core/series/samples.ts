/**
 * Computes samples from the state: one per series and per tier, with exact gauges and windows beside the ledger's
 * totals. This file decides which samples are shown; its callers decide how.
 *
 * Guarantees: samples follow from the state and `now` alone. A sample stays the same object as long as its ingredients
 * are the same and it is valid, so that a renderer can skip it.
 */

import { compareText } from '../compare-text.ts';
import { defaultRules } from '../figures/figure.ts';
import { figures } from '../figures/index.ts';
import type { Policy } from '../policy.ts';
import { runWithPauses } from '../portions.ts';
import { isEnded } from '../verdict.ts';
import { coverageOf } from '../windows/coverage.ts';
import {
  createTierWindow,
  shareOf,
  type TierSample,
  type TierWindow,
  type WindowShare,
} from '../windows/tier-windows.ts';
import { emptyContent, prepareWindows, windowsOf } from '../windows/window-content.ts';
import { countOpen } from './incident-book.ts';
import { sumTotals, type Totals } from './ledger.ts';
import { shownTotals } from './pair.ts';
import { gatherAll, type Ingredients, shownSeries } from './shown-series.ts';
import type { State } from './state.ts';
import { createTimeline, type Timeline } from './timeline.ts';

/** Gauges, counters and histograms of a series. */
export interface LedgerSample {
  /** Current full name of the repo. */
  readonly repo: string;
  readonly tier: string;
  /** In the order of `gauges`. */
  readonly gauges: readonly number[];
  readonly totals: Totals;
  /** Whether the series has, or has ever counted, a deployment: its histograms are shown only then. */
  readonly hasDeployed: boolean;
}

export interface SeriesSample extends LedgerSample {
  /** In the order of the policy; `null` if the longest window contains no deployment. */
  readonly windows: readonly WindowShare[] | null;
  /** Number of open incidents; `null`: no incident was ever reported, to any series. */
  readonly openIncidents: number | null;
}

export interface Projected {
  /** Sorted by repo and tier; repos that share a name are one series. */
  readonly series: readonly SeriesSample[];
  /** Sorted by tier. */
  readonly tiers: readonly TierSample[];
}

export interface Projection {
  /**
   * The samples at `now` (Unix seconds); the same object as long as the state is the same and they are valid. Works in
   * pieces, and calls `yieldToEventLoop` between them.
   */
  prepared(now: number, yieldToEventLoop: () => Promise<void>): Promise<Projected>;
}

interface AtOnce {
  /** As `prepared`, in one piece. */
  at(now: number): Projected;
}

/** Every gauge of every figure, with the index of its state in a fold. */
export const gauges = figures.flatMap((figure, index) => figure.gauges.map((gauge) => ({ ...gauge, index })));

/** Values of a series' gauges, in the order of `gauges`. `timelines`: one for each repo that has its name. */
export function gaugesOf(timelines: readonly Timeline[]): number[] {
  const ends = timelines.map(({ current, episodes }) => {
    const last = episodes.at(-1) ?? null;
    return { states: current.states, open: last && isEnded(last) ? null : last };
  });
  return gauges.map(({ index, value, combine }) =>
    combine(ends.map(({ states, open }) => value(states[index], open))),
  );
}

interface Made {
  readonly from: Ingredients;
  readonly sample: SeriesSample;
  /** Unix seconds: the sample is valid from this moment on. */
  readonly asOf: number;
  /** Unix seconds: the sample is valid until just before this moment. */
  readonly validUntil: number;
}

const deploymentsAtOnce = 2_000;
const untouched = createTimeline(defaultRules);

type Shown = Pick<Policy, 'windows' | 'incidents'>;

export function createProjection(state: State, policy: Shown): Projection & AtOnce {
  const made = new Map<string, Made>();
  const tiers = new Map<string, { readonly windows: readonly TierWindow[]; sample: TierSample | null }>();
  let latest: Projected = { series: [], tiers: [] };
  let latestVersion = -1;
  let asOf = 0;
  let validUntil = 0;
  let order: readonly string[] = [];

  const isCurrent = (now: number): boolean =>
    state.version === latestVersion && now >= asOf && now < validUntil;

  const isValid = (key: string, from: Ingredients, now: number): boolean => {
    const known = made.get(key);
    return known !== undefined && now >= known.asOf && now < known.validUntil && known.from === from;
  };
  /** Updates the sample of one series; returns how many deployments that read, 0 if the sample is still valid. */
  const refresh = (key: string, from: Ingredients, now: number): number => {
    if (isValid(key, from, now)) return 0;
    const before = made.get(key);
    const after = makeSample(from, policy, now);
    made.set(key, after);
    exchangeInTier(before?.sample ?? null, after.sample);
    return from.timelines.reduce((sum, { recent }) => sum + recent.length, 0);
  };
  const exchangeInTier = (before: SeriesSample | null, after: SeriesSample | null): void => {
    const tier = (after ?? before)?.tier ?? '';
    if (!before?.windows && !after?.windows) return;
    const known = tiers.get(tier) ?? { windows: policy.windows.map(createTierWindow), sample: null };
    tiers.set(tier, known);
    for (const [index, window] of known.windows.entries()) {
      window.exchange(before?.windows?.[index] ?? null, after?.windows?.[index] ?? null);
    }
  };
  const sampleOfTier = (tier: string): TierSample | null => {
    const known = tiers.get(tier);
    if (!known) return null;
    const windows = known.windows.flatMap((window) => window.sample() ?? []);
    const isSame = windows.every((one, index) => one === known.sample?.windows[index]);
    if (!isSame) known.sample = { tier, windows };
    return windows.length > 0 ? known.sample : null;
  };

  const at = (now: number): Projected => {
    if (isCurrent(now)) return latest;
    const shown = shownSeries(state);
    for (const [key, from] of shown) refresh(key, from, now);
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
      tiers: [...tiers.keys()].sort(compareText).flatMap((tier) => sampleOfTier(tier) ?? []),
    };
    return latest;
  };
  return {
    at,
    async prepared(now, yieldToEventLoop) {
      if (isCurrent(now)) return latest;
      let sinceYield = 0;
      for (const [key, from] of await runWithPauses(gatherAll(state), yieldToEventLoop)) {
        sinceYield++;
        if (!isValid(key, from, now)) {
          for (const timeline of from.timelines)
            for (const _ of prepareWindows(timeline)) await yieldToEventLoop();
          sinceYield += refresh(key, from, now);
        }
        if (sinceYield < deploymentsAtOnce) continue;
        sinceYield = 0;
        await yieldToEventLoop();
      }
      for (const window of [...tiers.values()].flatMap(({ windows }) => windows)) {
        window.sample();
        await yieldToEventLoop();
      }
      return at(now);
    },
  };
}

function makeSample(from: Ingredients, { windows, incidents: { staleSeconds } }: Shown, now: number): Made {
  const { repo, tier, pairs, timelines, knownSince, incidents } = from;
  // The sum includes pairs that the policy no longer yields: the totals of a series never fall.
  const totals = pairs.map(shownTotals).reduce(sumTotals);
  const held = windowsOf(timelines, windows, now);
  const { open, validUntil } = countOpen(incidents ?? [], staleSeconds, now);
  const sample: SeriesSample = {
    repo,
    tier,
    gauges: gaugesOf(timelines.length > 0 ? timelines : [untouched]),
    totals,
    hasDeployed: timelines.length > 0 || hasAny(totals),
    windows: held.isAny
      ? windows.map((window, index) => shareOf(held.windows[index] ?? emptyContent, knownSince, window, now))
      : null,
    openIncidents: incidents && open,
  };
  const ends = [
    validUntil,
    held.validUntil,
    ...(held.isAny ? windows.map((window) => coverageOf(knownSince, window, now).validUntil) : []),
    // If Woodpecker's clock ran ahead, the known time begins in the future.
    ...(knownSince !== null && knownSince >= now ? [knownSince + 1] : []),
  ];
  return { from, sample, asOf: now, validUntil: Math.min(...ends) };
}

function hasAny(totals: Totals): boolean {
  return Object.values(totals.counters).some((count) => count > 0);
}

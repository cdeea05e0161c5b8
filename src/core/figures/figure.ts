/**
 * What a figure is: a state folded over the deployments of one pair in order of time, the gauges read from that state,
 * and its measures: what each deployment adds, given the state just before it.
 *
 * One measure serves both ways of showing it. In the ledger (see `series/ledger.ts`) its values are added once and never taken
 * back; in a window (see `windows/window-content.ts`) they are those of the deployments that it holds, exactly. Gauges and windows are
 * a function of the set of deployments.
 */

import type { Deployment } from '../deployment.ts';
import { type FailureRules, nothingLookedFor } from '../failures/repair-search.ts';
import type { LooksFor } from '../policy.ts';
import type { Cause, EndedEpisode, Episode } from '../verdict.ts';

export interface Figure<S> {
  /** State before any deployment. */
  readonly initial: (rules: FigureRules) => S;
  /** State after one more. */
  readonly step: (state: S, deployment: Deployment) => S;
  /** State after a deployment beyond known ground, which no measure counts; the same as `step` by default. */
  readonly stepBeyond?: (state: S, deployment: Deployment) => S;
  /** `earlier`, sharing the memory of a state that was folded from it; the same object if it does already. */
  readonly share?: (earlier: S, later: S) => S;
  readonly gauges: readonly Gauge<S>[];
  readonly measures: readonly Measure<S>[];
  readonly episodeMeasures?: readonly EpisodeMeasure[];
}

/** What decides how a figure reads the same deployments. */
export interface FigureRules {
  /** Whether a forge is asked for commits: before its answer a lead time is pending, not unknown. */
  readonly asksForge: boolean;
  /** What stands in for commit times that cannot be had: the creation of a commit's first pipeline, or nothing. */
  readonly leadTimeFallback: 'created' | null;
  /** What shows that deployments to the tier have failed. */
  readonly failures: FailureRules;
}

/** How the figures read deployments where the policy leaves all at its default and no forge is asked. */
export const defaultRules: FigureRules = {
  asksForge: false,
  leadTimeFallback: null,
  failures: nothingLookedFor,
};

export interface Gauge<S> {
  readonly name: string;
  readonly help: string;
  /** `open`: the episode of failure that is open; `null`: none is. */
  readonly value: (state: S, open: Episode | null) => number;
  /** Of repos that share a name: the value of their one series. */
  readonly combine: (values: readonly number[]) => number;
}

/** The latest of several timestamps; 0 stands for none. */
export function latest(timestamps: readonly number[]): number {
  return Math.max(...timestamps);
}

/** The earliest of several timestamps; 0 stands for none. */
export function earliest(timestamps: readonly number[]): number {
  const set = timestamps.filter((timestamp) => timestamp > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}

export interface Measure<S> {
  /** What `deployment` adds: counts or observations, none for nothing. `before` is the state just before it. */
  readonly values: (before: S, deployment: Deployment) => readonly number[];
  readonly ledger?: LedgerEntry<S>;
  readonly window?: WindowMetric;
}

/** What each episode of failure adds once it has ended. */
export interface EpisodeMeasure {
  readonly secondsOf: (episode: EndedEpisode) => number;
  readonly ledger: { readonly bit: number; readonly metric: HistogramMetric };
  /** An episode is in the windows that hold its end. */
  readonly window: DistributionMetric;
}

export interface LedgerEntry<S> {
  /** Whether a value is not final yet in the state before its deployment: it is then added later. */
  readonly waits?: (before: S, deployment: Deployment) => boolean;
  /**
   * A power of two, the entry's own for good: it is stored with each pipeline. Entries that share one exclude each
   * other: a pipeline adds to the one that it first has something for.
   */
  readonly bit: number;
  readonly metric: CounterMetric | HistogramMetric;
}

interface Shown {
  /** Whether the policy looks for it in a tier, or in any; if not, it is not shown. Absent: it always is. */
  readonly isLookedFor?: (policy: LooksFor, tier?: string) => boolean;
}

export interface CounterMetric extends Shown {
  readonly type: 'counter';
  readonly name: string;
  /** Counters of one name that differ in their cause are one family. */
  readonly cause?: Cause;
  readonly help: string;
}

export interface HistogramMetric extends Shown {
  readonly type: 'histogram';
  readonly name: string;
  readonly help: string;
  /** Upper bounds in ascending order, without infinity. */
  readonly buckets: readonly number[];
}

/** How a measure shows in a window; names follow `dora_window_` and `dora_tier_window_`. */
export type WindowMetric = CountMetric | DistributionMetric;

export interface CountMetric extends Shown {
  readonly type: 'count';
  readonly name: string;
  /** Counts of one name that differ in their cause are one family, shown if they are not 0. */
  readonly cause?: Cause;
  readonly help: string;
}

export interface DistributionMetric extends Shown {
  readonly type: 'distribution';
  /** Of the quantiles. */
  readonly name: string;
  readonly help: string;
  /** Of the number of samples. */
  readonly samplesName: string;
}

export const once: readonly number[] = [1];
export const nothing: readonly number[] = [];

/** State of a figure that needs to remember nothing. */
export const stateless = { initial: () => null, step: () => null, gauges: [] } as const;

/**
 * A figure: a state that is folded over the deployments of one pair in order of time, gauges that are read from that
 * state, and measures. A measure gives the values of a deployment, given the state just before it.
 *
 * Ledger and windows share the measures. The ledger (`series/ledger.ts`) adds each value once and never takes it back;
 * a window (`windows/window-content.ts`) contains exactly the values of its own deployments. Gauges and windows are a
 * function of the set of deployments.
 */

import type { Deployment } from '../deployment.ts';
import { type FailureRules, nothingLookedFor } from '../failures/repair-search.ts';
import type { LooksFor } from '../policy.ts';
import type { Cause, EndedEpisode, Episode } from '../verdict.ts';

export interface Figure<S> {
  /** State before any deployment. */
  readonly initial: (rules: FigureRules) => S;
  /** State after one more deployment. */
  readonly step: (state: S, deployment: Deployment) => S;
  /** State after a deployment beyond known ground, which no measure counts; the same as `step` by default. */
  readonly stepBeyond?: (state: S, deployment: Deployment) => S;
  /** `earlier`, sharing memory with `later`, which was folded from it; the same object if it shares already. */
  readonly share?: (earlier: S, later: S) => S;
  /**
   * After a change of earlier deployments, carries the new state over deployments that stay the same: the new states
   * for `later`, of which the first becomes `state`. `later`: the states before the change, each folded from the one
   * before it. `null`: the values of the deployments in between may differ. By default `null` unless `state` is equal.
   */
  readonly carry?: (state: S, later: readonly S[]) => readonly S[] | null;
  readonly gauges: readonly Gauge<S>[];
  readonly measures: readonly Measure<S>[];
  readonly episodeMeasures?: readonly EpisodeMeasure[];
}

/** The settings on which the figures of the same deployments depend. */
export interface FigureRules {
  /** Whether a forge is configured: until it has answered, a lead time is pending, not unknown. */
  readonly asksForge: boolean;
  /** Replacement for an unavailable commit time: the creation of the commit's first pipeline; `null`: none. */
  readonly leadTimeFallback: 'created' | null;
  /** The causes of failure to look for in the tier. */
  readonly failures: FailureRules;
}

/** No forge, no fallback, and no causes of failure but pipelines and marks. */
export const defaultRules: FigureRules = {
  asksForge: false,
  leadTimeFallback: null,
  failures: nothingLookedFor,
};

export interface Gauge<S> {
  readonly name: string;
  readonly help: string;
  /** `open`: the open episode of failure; `null`: there is none. */
  readonly value: (state: S, open: Episode | null) => number;
  /** Combines the values of repos that share a name into the value of their series. */
  readonly combine: (values: readonly number[]) => number;
}

/** The latest of several timestamps; 0 means none. */
export function latest(timestamps: readonly number[]): number {
  return Math.max(...timestamps);
}

/** The earliest of several timestamps; 0 means none. */
export function earliest(timestamps: readonly number[]): number {
  const set = timestamps.filter((timestamp) => timestamp > 0);
  return set.length === 0 ? 0 : Math.min(...set);
}

export interface Measure<S> {
  /** The values of `deployment`: counts or observations, maybe none. `before`: the state just before it. */
  readonly values: (before: S, deployment: Deployment) => readonly number[];
  readonly ledger?: LedgerEntry<S>;
  readonly window?: WindowMetric;
}

/** A value of each ended episode of failure. */
export interface EpisodeMeasure {
  readonly secondsOf: (episode: EndedEpisode) => number;
  readonly ledger: { readonly bit: number; readonly metric: HistogramMetric };
  /** A window contains the episodes that ended in it. */
  readonly window: DistributionMetric;
}

export interface LedgerEntry<S> {
  /** Whether the values are not final yet: the ledger then adds them later. */
  readonly waits?: (before: S, deployment: Deployment) => boolean;
  /**
   * A power of two. It must never change, since it is stored with each pipeline. Entries that share a bit exclude each
   * other: a deployment adds only to the first of them for which it has values.
   */
  readonly bit: number;
  readonly metric: CounterMetric | HistogramMetric;
}

interface Shown {
  /**
   * Whether the policy looks for it in the tier, or in any tier if none is given; if not, it is not shown. Absent: yes.
   */
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

/** How windows show a measure. Names lack the prefixes `dora_window_` and `dora_tier_window_`. */
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
  /** Name of the quantiles. */
  readonly name: string;
  readonly help: string;
  /** Name of the number of samples. */
  readonly samplesName: string;
}

export const once: readonly number[] = [1];
export const nothing: readonly number[] = [];

/** Parts of a figure without a state. */
export const stateless = { initial: () => null, step: () => null, gauges: [] } as const;

/**
 * What a figure is: a state folded over the deployments of one pair in order of time, the gauges read from that state,
 * and the ledger entries that a deployment adds to, given the state just before it.
 *
 * Gauges are exact: a function of the set of deployments. Ledger entries only ever grow (see `ledger.ts`).
 */

import type { Deployment } from '../deployment.ts';

export interface Figure<S> {
  /** State before any deployment. */
  readonly initial: S;
  /** State after one more. */
  readonly step: (state: S, deployment: Deployment) => S;
  readonly gauges: readonly Gauge<S>[];
  readonly entries: readonly LedgerEntry<S>[];
}

export interface Gauge<S> {
  readonly name: string;
  readonly help: string;
  readonly value: (state: S) => number;
}

export interface LedgerEntry<S> {
  /** A power of two, the entry's own for good: it is stored with each pipeline. */
  readonly bit: number;
  readonly metric: CounterMetric | HistogramMetric;
  /** What `deployment` adds: a count or an observation; `null` for nothing. `before` is the state just before it. */
  readonly amount: (before: S, deployment: Deployment) => number | null;
}

export interface CounterMetric {
  readonly type: 'counter';
  readonly name: string;
  readonly help: string;
}

export interface HistogramMetric {
  readonly type: 'histogram';
  readonly name: string;
  readonly help: string;
  /** Upper bounds in ascending order, without infinity. */
  readonly buckets: readonly number[];
}

/** State of a figure that needs to remember nothing. */
export const stateless = { initial: null, step: () => null, gauges: [] } as const;

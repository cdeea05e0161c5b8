/**
 * The ledger: counters and histograms, which only grow.
 *
 * A deployment adds to each entry at most once, with its value at that time. The bits in its `credited` say to which
 * entries it has added. Nothing is subtracted: a correction may add (a success turns out to be a failure), never
 * remove.
 */

import type { Deployment } from '../deployment.ts';
import type { CounterMetric, HistogramMetric } from '../figures/figure.ts';
import type { Fold } from '../figures/fold.ts';
import { episodeMeasures, figures } from '../figures/index.ts';
import { counts } from '../known-ground.ts';

/** `credited` of a deployment that never adds anything: it is older than the horizon, or counted elsewhere before. */
export const neverCount = 0x7fff_ffff;

/** The ledger's entries for one repo and tier: counters by `ledgerKey`, histograms by name. */
export interface Totals {
  readonly counters: Readonly<Record<string, number>>;
  readonly histograms: Readonly<Record<string, HistogramTotals>>;
}

export interface HistogramTotals {
  /** Observations per bucket, not cumulative; the last bucket is above every bound. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** New additions of one deployment, whose `credited` includes their bits. */
export interface Credit {
  readonly deployment: Deployment;
  readonly additions: readonly Addition[];
}

export type LedgerMetric = CounterMetric | HistogramMetric;

export interface Addition {
  readonly metric: LedgerMetric;
  readonly amount: number;
}

/** The measures with an entry in the ledger, each with the index of its figure. */
const entries = figures.flatMap(({ measures }, index) =>
  measures.flatMap(({ ledger, values }) => (ledger ? [{ index, ledger, values }] : [])),
);

/** Every metric of the ledger, in the order of the figures. */
export const ledgerMetrics: readonly LedgerMetric[] = [
  ...entries.map(({ ledger }) => ledger.metric),
  ...episodeMeasures.map(({ ledger }) => ledger.metric),
];

/** Name of the metric, with its cause if it has one: metrics of one family differ in their cause. */
export function ledgerKey(metric: LedgerMetric): string {
  return metric.type === 'counter' && metric.cause ? `${metric.name} ${metric.cause}` : metric.name;
}

/** The bits of all measures of episodes. */
export const episodeBits = episodeMeasures.reduce((bits, { ledger }) => bits | ledger.bit, 0);
const everyBit = entries.reduce((bits, { ledger }) => bits | ledger.bit, episodeBits);

/** Counter of incidents: no deployment adds to it. */
export const incidentsTotal = 'dora_incidents_total';

export const zeroTotals: Totals = {
  counters: Object.fromEntries([
    ...ledgerMetrics.flatMap((metric) => (metric.type === 'counter' ? [[ledgerKey(metric), 0]] : [])),
    [incidentsTotal, 0],
  ]),
  histograms: Object.fromEntries(
    ledgerMetrics.flatMap((metric) =>
      metric.type === 'histogram' ? [[metric.name, zeroHistogram(metric.buckets)]] : [],
    ),
  ),
};

export function zeroHistogram(buckets: readonly number[]): HistogramTotals {
  return { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
}

/** New additions of `deployment`; `null`: it adds nothing. `before`: the state just before it. */
export function creditFor(before: Fold, deployment: Deployment): Credit | null {
  if (deployment.credited === neverCount || !counts(before.ground, deployment)) return null;
  let credited = deployment.credited;
  let additions: Addition[] | null = null;
  for (const { index, ledger, values } of entries) {
    if (credited & ledger.bit || ledger.waits?.(before.states[index], deployment)) continue;
    for (const amount of values(before.states[index], deployment)) {
      credited |= ledger.bit;
      additions ??= [];
      additions.push({ metric: ledger.metric, amount });
    }
  }
  return additions && { deployment: { ...deployment, credited }, additions };
}

/**
 * The deployment with its bits inverted: it may add again to the entries to which it has added, and to no others. It
 * adds its values of today. They differ from the values added before if the pipeline was corrected since.
 */
export function toReplay(deployment: Deployment): Deployment {
  const { credited } = deployment;
  return { ...deployment, credited: credited === neverCount ? neverCount : everyBit & ~credited };
}

/** `totals` plus `additions`. */
export function addToTotals(totals: Totals, additions: readonly Addition[]): Totals {
  const counters = { ...totals.counters };
  const histograms = { ...totals.histograms };
  for (const { metric, amount } of additions) {
    if (metric.type === 'counter') {
      const key = ledgerKey(metric);
      counters[key] = (counters[key] ?? 0) + amount;
    } else {
      const known = histograms[metric.name] ?? zeroHistogram(metric.buckets);
      histograms[metric.name] = observe(known, metric.buckets, amount);
    }
  }
  return { counters, histograms };
}

/** `totals` plus `count` incidents. */
export function addIncidents(totals: Totals, count: number): Totals {
  const incidents = (totals.counters[incidentsTotal] ?? 0) + count;
  return { ...totals, counters: { ...totals.counters, [incidentsTotal]: incidents } };
}

/** a + b, entry by entry. */
export function sumTotals(a: Totals, b: Totals): Totals {
  return combine(a, b, (x, y) => x + y);
}

/** a − b, entry by entry; may be negative. */
export function differenceOf(a: Totals, b: Totals): Totals {
  return combine(a, b, (x, y) => x - y);
}

/** `totals` + `difference`, entry by entry; at least 0. */
export function addDifference(totals: Totals, difference: Totals): Totals {
  return combine(totals, difference, (x, y) => Math.max(0, x + y));
}

/** The greater of a and b, entry by entry. */
export function greaterOf(a: Totals, b: Totals): Totals {
  return combine(a, b, Math.max);
}

function combine(a: Totals, b: Totals, calculate: (x: number, y: number) => number): Totals {
  return {
    counters: Object.fromEntries(
      Object.keys(zeroTotals.counters).map((name) => [
        name,
        calculate(a.counters[name] ?? 0, b.counters[name] ?? 0),
      ]),
    ),
    histograms: Object.fromEntries(
      Object.entries(zeroTotals.histograms).map(([name, zero]) => {
        const [x, y] = [a.histograms[name] ?? zero, b.histograms[name] ?? zero];
        const counts = zero.counts.map((_, i) => calculate(x.counts[i] ?? 0, y.counts[i] ?? 0));
        return [name, { counts, sum: calculate(x.sum, y.sum) }];
      }),
    ),
  };
}

function observe(
  { counts, sum }: HistogramTotals,
  buckets: readonly number[],
  value: number,
): HistogramTotals {
  const found = buckets.findIndex((bound) => value <= bound);
  const index = found < 0 ? buckets.length : found;
  return { counts: counts.with(index, (counts[index] ?? 0) + 1), sum: sum + value };
}

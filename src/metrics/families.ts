/** Every metric of the figures: its name, type and help, and the values that a sample has of it. */

import type { WindowMetric } from '../core/figures/figure.ts';
import type { Policy } from '../core/policy.ts';
import type { IncidentSample } from '../core/series/incident-samples.ts';
import {
  type HistogramTotals,
  incidentsTotal,
  type LedgerMetric,
  ledgerMetrics,
} from '../core/series/ledger.ts';
import { gauges, type SeriesSample } from '../core/series/samples.ts';
import { quantileOf } from '../core/windows/quantile.ts';
import type { TierSample, TierShare } from '../core/windows/tier-windows.ts';
import {
  type WindowContent,
  windowCounts,
  windowDistributions,
  windowQuantiles,
} from '../core/windows/window-content.ts';

/** The part of the policy that decides which families there are. */
export type ShownBy = Pick<Policy, 'windows' | 'rework'>;

export interface Family<Sample> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly valuesOf: (sample: Sample) => readonly Value[];
}

export interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** Of each pair of repo and tier, in the order in which they are written. */
export function seriesFamilies(policy: ShownBy): readonly Family<SeriesSample>[] {
  return [...plainFamilies(policy), ...seriesWindowFamilies(policy)];
}

/** Those without a window. */
export function plainFamilies(policy: ShownBy): readonly Family<SeriesSample>[] {
  const metrics = ledgerMetrics.filter((metric) => isShown(metric, policy));
  return [
    ...metrics.flatMap((metric): Family<SeriesSample>[] =>
      metric.type === 'counter'
        ? [
            {
              ...metric,
              valuesOf: ({ repo, tier, totals }) => [
                { labels: { repo, tier }, value: totals.counters[metric.name] ?? 0 },
              ],
            },
          ]
        : [],
    ),
    ...gauges.map(
      ({ name, help }, index): Family<SeriesSample> => ({
        name,
        help,
        type: 'gauge',
        valuesOf: ({ repo, tier, gauges: values }) => [{ labels: { repo, tier }, value: values[index] ?? 0 }],
      }),
    ),
    ...metrics.flatMap((metric): Family<SeriesSample>[] =>
      metric.type === 'histogram'
        ? [
            {
              ...metric,
              valuesOf: ({ repo, tier, totals, hasDeployed }) => {
                const histogram = totals.histograms[metric.name] ?? emptyHistogram(metric.buckets);
                return hasDeployed
                  ? histogramValues(metric.name, metric.buckets, histogram, { repo, tier })
                  : [];
              },
            },
          ]
        : [],
    ),
  ];
}

export function seriesWindowFamilies(policy: ShownBy): readonly Family<SeriesSample>[] {
  return windowFamilies<SeriesSample>(
    'dora_window_',
    policy,
    (sample) => sample.windows,
    ({ repo, tier }) => ({ repo, tier }),
  );
}

/** Of each tier over all its repos. */
export function tierFamilies(policy: ShownBy): readonly Family<TierSample>[] {
  return windowFamilies<TierSample>(
    'dora_tier_window_',
    policy,
    (sample) => sample,
    ({ tier }) => ({ tier }),
  );
}

/** Of incidents. */
export const incidentFamilies: readonly Family<IncidentSample>[] = [
  {
    name: incidentsTotal,
    help: 'Incidents that alerts or reports have told of.',
    type: 'counter',
    valuesOf: ({ repo, tier, total }) => (total === null ? [] : [{ labels: { repo, tier }, value: total }]),
  },
  {
    name: 'dora_incidents_open',
    help: 'Incidents that are open; no sample if there is none.',
    type: 'gauge',
    valuesOf: ({ repo, tier, open }) => (open === 0 ? [] : [{ labels: { repo, tier }, value: open }]),
  },
];

function windowFamilies<Sample>(
  prefix: string,
  policy: ShownBy,
  shareOf: (sample: Sample) => TierShare | null,
  labelsOf: (sample: Sample) => Readonly<Record<string, string>>,
): Family<Sample>[] {
  const { windows } = policy;
  /** A family with what `valuesIn` gives for each window of a sample. */
  const family = (
    name: string,
    help: string,
    type: 'gauge' | 'summary',
    valuesIn: (content: WindowContent, coverage: number) => readonly Omit<Value, 'metricName'>[],
  ): Family<Sample> => ({
    name: `${prefix}${name}`,
    help,
    type,
    valuesOf: (sample) => {
      const share = shareOf(sample);
      if (!share) return [];
      return share.windows.flatMap((content, index) =>
        valuesIn(content, share.coverage[index] ?? 0).map(({ value, labels }) => ({
          value,
          labels: { ...labelsOf(sample), window: windows[index]?.name ?? '', ...labels },
        })),
      );
    },
  });
  return [
    ...windowCounts.flatMap((metric, place) =>
      isShown(metric, policy)
        ? [
            family(metric.name, `${metric.help}, in the window.`, 'gauge', ({ counts }) => [
              { value: counts[place] ?? 0, labels: {} },
            ]),
          ]
        : [],
    ),
    ...windowDistributions.flatMap(({ name, samplesName, help }, place) => [
      family(name, `${help}: quantiles over the window.`, 'summary', ({ samples }) =>
        windowQuantiles.flatMap((quantile) => {
          const value = quantileOf(samples[place] ?? [], quantile);
          return value === null ? [] : [{ value, labels: { quantile } }];
        }),
      ),
      family(samplesName, `How many samples ${prefix}${name} has in the window.`, 'gauge', ({ samples }) => [
        { value: samples[place]?.length ?? 0, labels: {} },
      ]),
    ]),
    family('coverage_ratio', 'How much of the window is known, from 0 to 1.', 'gauge', (_, coverage) => [
      { value: coverage, labels: {} },
    ]),
  ];
}

function isShown({ isLookedFor }: LedgerMetric | WindowMetric, policy: ShownBy): boolean {
  return isLookedFor?.(policy) ?? true;
}

function emptyHistogram(buckets: readonly number[]): HistogramTotals {
  return { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 };
}

function histogramValues(
  name: string,
  buckets: readonly number[],
  { counts, sum }: HistogramTotals,
  labels: { readonly repo: string; readonly tier: string },
): Value[] {
  let cumulative = 0;
  const bucketValues = counts.map((count, index) => {
    cumulative += count;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: buckets[index] ?? '+Inf' },
      value: cumulative,
    };
  });
  return [
    ...bucketValues,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: cumulative },
  ];
}

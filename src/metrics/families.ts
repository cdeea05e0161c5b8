/** Every metric of the figures: its name, type and help, and the values that it takes from a sample. */

import { causesLookedFor } from '../core/failures/judge.ts';
import type { CounterMetric, WindowMetric } from '../core/figures/figure.ts';
import { failureRulesOf, type Policy } from '../core/policy.ts';
import {
  type HistogramTotals,
  incidentsTotal,
  type LedgerMetric,
  ledgerKey,
  ledgerMetrics,
  zeroHistogram,
} from '../core/series/ledger.ts';
import { gauges, type LedgerSample, type SeriesSample } from '../core/series/samples.ts';
import type { Cause } from '../core/verdict.ts';
import type { TierSample, WindowShare } from '../core/windows/tier-windows.ts';
import { noValues, quantileOf } from '../core/windows/values.ts';
import { windowCounts, windowDistributions, windowQuantiles } from '../core/windows/window-content.ts';

/** The part of the policy that decides which families exist. */
export type ShownBy = Pick<Policy, 'windows' | 'rework' | 'tiers' | 'failures' | 'incidents'>;

export interface Family<Sample> {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly valuesOf: (sample: Sample) => readonly Value[];
  /** All values of the label `cause`; absent: the family has no such label. */
  readonly causes?: readonly Cause[];
}

export interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Name in the text, if it is not the family's. */
  readonly metricName?: string;
}

/** The families of each pair of repo and tier, in the order of the text. */
export function seriesFamilies(policy: ShownBy): readonly Family<SeriesSample>[] {
  return [...plainFamilies(policy), ...seriesWindowFamilies(policy)];
}

/** The families of each pair of repo and tier that have no window. */
export function plainFamilies(policy: ShownBy): readonly Family<LedgerSample>[] {
  const metrics = ledgerMetrics.filter((metric) => isShown(metric, policy));
  return [
    ...counterFamilies(
      policy,
      metrics.filter((metric) => metric.type === 'counter'),
    ),
    ...gauges.map(
      ({ name, help }, index): Family<LedgerSample> => ({
        name,
        help,
        type: 'gauge',
        valuesOf: ({ repo, tier, gauges: values }) => [{ labels: { repo, tier }, value: values[index] ?? 0 }],
      }),
    ),
    ...metrics.flatMap((metric): Family<LedgerSample>[] =>
      metric.type === 'histogram'
        ? [
            {
              ...metric,
              valuesOf: ({ repo, tier, totals, hasDeployed }) => {
                const histogram = totals.histograms[metric.name] ?? zeroHistogram(metric.buckets);
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

/** The families of each pair of repo and tier, by window. */
export function seriesWindowFamilies(
  policy: ShownBy,
): readonly Family<WindowSample & { readonly repo: string }>[] {
  return windowFamilies<WindowSample & { readonly repo: string }>(
    'dora_window_',
    policy,
    ({ repo, tier }) => ({ repo, tier }),
  );
}

/** Counters with the same name form one family. */
function counterFamilies(policy: ShownBy, counters: readonly CounterMetric[]): Family<LedgerSample>[] {
  const causesIn = causesByTier(policy);
  return [...Map.groupBy(counters, ({ name }) => name)].map(([name, metrics]) => ({
    name,
    help: metrics[0]?.help ?? '',
    type: 'counter',
    ...causesOf(metrics),
    valuesOf: ({ repo, tier, totals }) =>
      metrics.flatMap((metric) => {
        const { cause } = metric;
        const isOn = cause ? causesIn(tier).includes(cause) : isShown(metric, policy, tier);
        const value = totals.counters[ledgerKey(metric)] ?? 0;
        return isOn ? [{ labels: { repo, tier, ...(cause && { cause }) }, value }] : [];
      }),
  }));
}

function causesOf(metrics: readonly { readonly cause?: Cause }[]): Pick<Family<never>, 'causes'> {
  const causes = metrics.flatMap(({ cause }) => cause ?? []);
  return causes.length > 0 ? { causes } : {};
}

/** Returns the causes that the policy looks for in a tier; a cause shows that a deployment has failed. */
function causesByTier(policy: ShownBy): (tier: string) => readonly Cause[] {
  const known = new Map<string, readonly Cause[]>();
  return (tier) => {
    const causes = known.get(tier) ?? causesLookedFor(failureRulesOf(policy, tier));
    known.set(tier, causes);
    return causes;
  };
}

/** The families of each tier over all its repos, by window. */
export function tierFamilies(policy: ShownBy): readonly Family<TierSample>[] {
  return windowFamilies<TierSample>('dora_tier_window_', policy, ({ tier }) => ({ tier }));
}

/** The families of incidents, by repo and tier. */
export function incidentFamilies(policy: ShownBy): readonly Family<SeriesSample>[] {
  const causesIn = causesByTier(policy);
  return [
    {
      name: incidentsTotal,
      help: 'Incidents from alerts and reports.',
      type: 'counter',
      valuesOf: ({ repo, tier, totals, openIncidents }) =>
        openIncidents === null || !causesIn(tier).includes('incident')
          ? []
          : [{ labels: { repo, tier }, value: totals.counters[incidentsTotal] ?? 0 }],
    },
    {
      name: 'dora_incidents_open',
      help: 'Incidents that are open; no sample if there is none.',
      type: 'gauge',
      valuesOf: ({ repo, tier, openIncidents }) =>
        openIncidents ? [{ labels: { repo, tier }, value: openIncidents }] : [],
    },
  ];
}

type WindowSample = Pick<SeriesSample, 'tier' | 'windows'>;

function windowFamilies<Sample extends WindowSample>(
  prefix: string,
  policy: ShownBy,
  labelsOf: (sample: Sample) => Readonly<Record<string, string>>,
): Family<Sample>[] {
  const { windows } = policy;
  /** A family with the values that `valuesIn` returns for each window of a sample. */
  const family = (
    name: string,
    help: string,
    type: 'gauge' | 'summary',
    valuesIn: (window: WindowShare, tier: string) => readonly Omit<Value, 'metricName'>[],
  ): Family<Sample> => ({
    name: `${prefix}${name}`,
    help,
    type,
    valuesOf: (sample) =>
      (sample.windows ?? []).flatMap((share, index) =>
        valuesIn(share, sample.tier).map(({ value, labels }) => ({
          value,
          labels: { ...labelsOf(sample), window: windows[index]?.name ?? '', ...labels },
        })),
      ),
  });
  return [
    ...[...Map.groupBy(windowCounts, ({ name }) => name)].flatMap(([name, metrics]) => {
      const [first] = metrics;
      if (!first || !isShown(first, policy)) return [];
      const counted = family(name, `${first.help}, in the window.`, 'gauge', ({ counts }, tier) =>
        metrics.flatMap((metric) => {
          const { cause } = metric;
          const value = counts[windowCounts.indexOf(metric)] ?? 0;
          const isPresent = cause ? value > 0 : isShown(metric, policy, tier);
          return isPresent ? [{ value, labels: cause ? { cause } : {} }] : [];
        }),
      );
      return [{ ...counted, ...causesOf(metrics) }];
    }),
    ...windowDistributions.flatMap(({ name, samplesName, help }, place) => [
      family(name, `${help}: quantiles over the window.`, 'summary', ({ samples }) =>
        windowQuantiles.flatMap((quantile) => {
          const value = quantileOf(samples[place] ?? noValues, quantile);
          return value === null ? [] : [{ value, labels: { quantile } }];
        }),
      ),
      family(samplesName, `How many samples ${prefix}${name} has in the window.`, 'gauge', ({ samples }) => [
        { value: samples[place]?.count ?? 0, labels: {} },
      ]),
    ]),
    family('coverage_ratio', 'How much of the window is known, from 0 to 1.', 'gauge', ({ coverage }) => [
      { value: coverage, labels: {} },
    ]),
  ];
}

/** Whether a metric is shown for the tier; without `tier`, for any tier. */
function isShown({ isLookedFor }: LedgerMetric | WindowMetric, policy: ShownBy, tier?: string): boolean {
  return isLookedFor?.(policy, tier) ?? true;
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

/** The samples at a past time, computed by the oracle of the five figures from the pipelines that had ended by then. */

import { type ExpectedSeries, expectCoverage, expectSeries, expectWindow } from './dora-oracle.ts';

export interface TruePipeline {
  readonly id: number;
  /** Repos with the same name differ in its case. */
  readonly repo: string;
  readonly tier: string;
  /** Unique over all repos. */
  readonly number: number;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly at: number;
  readonly outcome: 'success' | 'failure';
  readonly isRework: boolean;
  readonly commit: string;
  /** By its report. */
  readonly committedAt: number | null;
}

interface Options {
  /** Unix seconds, not before `knownSince`. A pipeline created up to then is in no counter and no histogram. */
  readonly horizon: number;
  /** Seconds, by the name of the window. */
  readonly windows: Readonly<Record<string, number>>;
  readonly buckets: Readonly<Record<string, readonly number[]>>;
  /** Unix seconds since when the repos are known: an earlier deployment is in no window and no recovery. */
  readonly knownSince: number;
}

/** Values by name and labels, as they are written. */
export function seenAt(
  pipelines: readonly TruePipeline[],
  now: number,
  options: Options,
): Map<string, number> {
  const past = pipelines.filter(({ at }) => at <= now);
  const names = new Map(past.map(({ id, repo }) => [id, repo.toLowerCase()]));
  const all = expectSeries({
    deployments: past.map(({ id, repo, committedAt, ...one }) => ({
      ...one,
      repo: id,
      series: repo.toLowerCase(),
      reportedCommitTime: committedAt,
    })),
    pipelines: [],
    forge: null,
    fallback: null,
    names,
    knownSince: new Map([...names.keys()].map((id) => [id, options.knownSince])),
    countsBeyond: false,
  });
  const counted = past.filter(({ createdAt }) => createdAt > options.horizon);
  return new Map([
    ...all.flatMap((one) => ledgerOf(one, counted, options)),
    ...Object.entries(options.windows).flatMap(([window, seconds]) =>
      windowsOf(all, window, seconds, now, options),
    ),
  ]);
}

type Sample = readonly [series: string, value: number];

const labelsOf = ({ series, tier }: ExpectedSeries) => `repo="${series}",tier="${tier}"`;

/** Counters, histograms and timestamps. */
function ledgerOf(one: ExpectedSeries, counted: readonly TruePipeline[], { buckets }: Options): Sample[] {
  const labels = labelsOf(one);
  const isCounted = ({ number }: { readonly number: number }) =>
    counted.some((other) => other.number === number);
  const deployments = one.deployments.filter(isCounted);
  const failed = deployments.filter(({ outcome }) => outcome === 'failure').length;
  const secondsOf = (samples: ExpectedSeries['leadTimes']) =>
    samples.filter(isCounted).map(({ seconds }) => seconds);
  const durations = counted.flatMap(({ number, at, startedAt }) =>
    startedAt === null || startedAt > at || !deployments.some((other) => other.number === number)
      ? []
      : [at - startedAt],
  );
  const histograms = {
    dora_deployment_recovery_time_seconds: secondsOf(one.recoveries),
    dora_change_lead_time_seconds: secondsOf(one.leadTimes),
    dora_deployment_duration_seconds: durations,
  };
  return [
    [`dora_deployments_total{${labels}}`, deployments.length],
    [`dora_deployment_failures_total{${labels}}`, failed],
    [`dora_deployment_failures_by_cause_total{${labels},cause="pipeline"}`, failed],
    [`dora_deployment_failures_by_cause_total{${labels},cause="operator"}`, 0],
    [`dora_deployment_reworks_total{${labels}}`, deployments.filter(({ isRework }) => isRework).length],
    [`dora_change_lead_time_unknown_total{${labels}}`, one.unknown.filter(isCounted).length],
    [`dora_deployment_last_success_timestamp{${labels}}`, one.times.lastSuccess],
    [`dora_deployment_last_failure_timestamp{${labels}}`, one.times.lastFailure],
    [`dora_deployment_failing_since_timestamp{${labels}}`, one.times.failingSince],
    ...Object.entries(histograms).flatMap(([name, values]): Sample[] => [
      ...[...(buckets[name] ?? []), Number.POSITIVE_INFINITY].map((bound): Sample => {
        const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : bound;
        return [`${name}_bucket{${labels},le="${le}"}`, values.filter((value) => value <= bound).length];
      }),
      [`${name}_sum{${labels}}`, values.reduce((sum, value) => sum + value, 0)],
      [`${name}_count{${labels}}`, values.length],
    ]),
  ];
}

/** The samples of one window, of each series and of each tier. */
function windowsOf(
  all: readonly ExpectedSeries[],
  window: string,
  seconds: number,
  now: number,
  { windows, knownSince }: Options,
): Sample[] {
  const longest = Math.max(...Object.values(windows));
  const shown = all.filter((one) => expectWindow([one], longest, now).deployments > 0);
  const coverage = Math.floor(1000 * expectCoverage(knownSince, seconds, now)) / 1000;
  const samplesOf = (prefix: string, labels: string, some: readonly ExpectedSeries[]): Sample[] => {
    const { deployments, failed, rework, leadTime, recovery } = expectWindow(some, seconds, now);
    const put = (name: string, value: number, more = ''): Sample => [
      `${prefix}_${name}{${labels},window="${window}"${more}}`,
      value,
    ];
    return [
      put('deployments', deployments),
      put('failed_deployments', failed),
      ...(failed > 0 ? [put('failed_deployments_by_cause', failed, ',cause="pipeline"')] : []),
      put('rework_deployments', rework),
      put('coverage_ratio', coverage),
      ...Object.entries({ change_lead_time: leadTime, recovery_time: recovery }).flatMap(
        ([name, { samples, p50, p95 }]) => [
          put(`${name}_samples`, samples.length),
          ...(p50 === null ? [] : [put(`${name}_seconds`, p50, ',quantile="0.5"')]),
          ...(p95 === null ? [] : [put(`${name}_seconds`, p95, ',quantile="0.95"')]),
        ],
      ),
    ];
  };
  return [
    ...shown.flatMap((one) => samplesOf('dora_window', labelsOf(one), [one])),
    ...[...Map.groupBy(shown, ({ tier }) => tier)].flatMap(([tier, some]) =>
      samplesOf('dora_tier_window', `tier="${tier}"`, some),
    ),
  ];
}

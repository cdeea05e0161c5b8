/**
 * Computes the samples at a past time. Reads the whole list of pipelines for each number. Follows the definitions alone, and
 * shares no code with `src/core`.
 */
import { episodesOf, failingSinceOf } from './episodes.ts';

export interface TruePipeline {
  /** Repos with the same name differ in its case. */
  readonly repo: string;
  readonly tier: string;
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

export interface OracleOptions {
  /** Unix seconds. A pipeline created up to then is in no counter and no histogram. */
  readonly horizon: number;
  /** Seconds, by the name of the window. */
  readonly windows: Readonly<Record<string, number>>;
  readonly buckets: Readonly<Record<string, readonly number[]>>;
  /** Unix seconds since when the repos are known: an earlier deployment is in no window and no recovery. */
  readonly knownSince: number;
}

/** Samples by name and labels, as they are written. */
export type Seen = Map<string, number>;

export function seenAt(pipelines: readonly TruePipeline[], now: number, options: OracleOptions): Seen {
  const seen: Seen = new Map();
  const isKnown = ({ at }: TruePipeline) => at > options.knownSince;
  const past = pipelines.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at || a.number - b.number);
  const ofPair = Map.groupBy(past, ({ repo, tier }) => `repo="${repo.toLowerCase()}",tier="${tier}"`);
  for (const [labels, list] of ofPair) {
    const counted = list.filter(({ createdAt }) => createdAt > options.horizon);
    const known = list.filter(isKnown);
    const put = (name: string, value: number) => seen.set(`${name}{${labels}}`, value);
    put('dora_deployments_total', counted.length);
    put('dora_deployment_failures_total', counted.filter(({ outcome }) => outcome === 'failure').length);
    const failed = counted.filter(({ outcome }) => outcome === 'failure').length;
    seen.set(`dora_deployment_failures_by_cause_total{${labels},cause="pipeline"}`, failed);
    seen.set(`dora_deployment_failures_by_cause_total{${labels},cause="operator"}`, 0);
    put('dora_deployment_reworks_total', counted.filter(({ isRework }) => isRework).length);
    put(
      'dora_change_lead_time_unknown_total',
      counted.filter((one) => leadTimeOf(list, one) === 'unknown').length,
    );
    const last = (wanted: string) => list.findLast(({ outcome }) => outcome === wanted)?.at ?? 0;
    put('dora_deployment_last_success_timestamp', last('success'));
    put('dora_deployment_last_failure_timestamp', last('failure'));
    put('dora_deployment_failing_since_timestamp', failingSince(list, isKnown));
    const histograms: Record<string, number[]> = {
      dora_deployment_recovery_time_seconds: ofRepos(known).flatMap((ofRepo) =>
        episodesOf(ofRepo).flatMap(({ start, end }) => {
          const last = end === null ? undefined : ofRepo.findLast(({ at }) => at <= end);
          return end !== null && last && counted.includes(last) ? [end - start] : [];
        }),
      ),
      dora_change_lead_time_seconds: counted.flatMap((one) => knownLeadTime(list, one)),
      dora_deployment_duration_seconds: counted.flatMap(({ at, startedAt }) =>
        startedAt === null || startedAt > at ? [] : [at - startedAt],
      ),
    };
    for (const [name, values] of Object.entries(histograms)) {
      for (const bound of options.buckets[name] ?? []) {
        const within = values.filter((value) => value <= bound).length;
        seen.set(`${name}_bucket{${labels},le="${bound}"}`, within);
      }
      seen.set(`${name}_bucket{${labels},le="+Inf"}`, values.length);
      put(
        `${name}_sum`,
        values.reduce((sum, value) => sum + value, 0),
      );
      put(`${name}_count`, values.length);
    }
  }

  const longest = Math.max(...Object.values(options.windows));
  const tiers = Map.groupBy(ofPair, ([labels]) => labels.replace(/^.*,(?=tier)/, ''));
  for (const [window, seconds] of Object.entries(options.windows)) {
    const isIn = (one: TruePipeline) => isKnown(one) && one.at > now - seconds;
    const coverage =
      Math.floor((1000 * Math.min(seconds, Math.max(0, now - options.knownSince))) / seconds) / 1000;
    for (const [tierLabels, pairs] of tiers) {
      const shown = pairs.filter(([, list]) => list.some((one) => isKnown(one) && one.at > now - longest));
      for (const [prefix, groups] of [
        ['dora_window', shown.map(([labels, list]) => [labels, [list]] as const)],
        ['dora_tier_window', shown.length > 0 ? [[tierLabels, shown.map(([, list]) => list)] as const] : []],
      ] as const) {
        for (const [labels, lists] of groups) {
          const put = (name: string, value: number, more = '') =>
            seen.set(`${prefix}_${name}{${labels},window="${window}"${more}}`, value);
          const held = lists.flatMap((list) => list.filter(isIn));
          put('deployments', held.length);
          put('failed_deployments', held.filter(({ outcome }) => outcome === 'failure').length);
          const failed = held.filter(({ outcome }) => outcome === 'failure').length;
          if (failed > 0) put('failed_deployments_by_cause', failed, ',cause="pipeline"');
          put('rework_deployments', held.filter(({ isRework }) => isRework).length);
          const samples = {
            change_lead_time: lists.flatMap((list) =>
              list.filter(isIn).flatMap((one) => knownLeadTime(list, one)),
            ),
            recovery_time: lists.flatMap((list) =>
              recoveriesOf(list.filter(isKnown), (at) => at > now - seconds),
            ),
          };
          for (const [name, values] of Object.entries(samples)) {
            put(`${name}_samples`, values.length);
            if (values.length === 0) continue;
            for (const q of [0.5, 0.95]) put(`${name}_seconds`, percentile(values, q), `,quantile="${q}"`);
          }
          put('coverage_ratio', coverage);
        }
      }
    }
  }
  return seen;
}

/** The earliest open failure; 0: there is none. Repos with the same name have separate failures and recoveries. */
function failingSince(list: readonly TruePipeline[], isKnown: (one: TruePipeline) => boolean): number {
  const open = ofRepos(list)
    .map((ofRepo) => failingSinceOf(ofRepo, ofRepo.filter(isKnown)))
    .filter((at) => at > 0);
  return open.length === 0 ? 0 : Math.min(...open);
}

/** Seconds of the episodes that ended between two times. */
function recoveriesOf(list: readonly TruePipeline[], isIn: (end: number) => boolean): number[] {
  return ofRepos(list)
    .flatMap(episodesOf)
    .flatMap(({ start, end }) => (end !== null && isIn(end) ? [end - start] : []));
}

function ofRepos(list: readonly TruePipeline[]): (readonly TruePipeline[])[] {
  return [...Map.groupBy(list, ({ repo }) => repo).values()];
}

/** `nothing`: a failure, or a commit that was deployed before. */
function leadTimeOf(list: readonly TruePipeline[], one: TruePipeline): number | 'unknown' | 'nothing' {
  if (one.outcome === 'failure') return 'nothing';
  // The range between two commits is of one repo, also if two repos with one name have one series.
  const before = list
    .slice(0, list.indexOf(one))
    .filter(({ outcome, repo }) => outcome === 'success' && repo === one.repo);
  // Also if its own lead time was unknown.
  const wasThere = before.some(({ commit }) => commit === one.commit);
  if (wasThere) return 'nothing';
  return one.committedAt === null ? 'unknown' : Math.max(0, one.at - one.committedAt);
}

function knownLeadTime(list: readonly TruePipeline[], one: TruePipeline): number[] {
  const found = leadTimeOf(list, one);
  return typeof found === 'number' ? [found] : [];
}

function percentile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = q * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? 0;
  const high = sorted[Math.ceil(place)] ?? 0;
  return low + (high - low) * (place - Math.floor(place));
}

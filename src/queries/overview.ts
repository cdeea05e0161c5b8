/**
 * The overview of a moment: what is failing, the figures of tiers and repos, and how those of tiers developed.
 *
 * Guarantees: figures are those of `/metrics` and `/api/dora` of the same moment. Earlier windows may be of a slightly
 * older state: an overview does not wait for them for long.
 */

import { compareText } from '../core/compare-text.ts';
import type { Deployment } from '../core/deployment.ts';
import type { ListedIncident, ListIncidents } from '../core/failures/listed-incident.ts';
import type { FigureHistory } from '../core/figure-history.ts';
import type {
  FailedDeployment,
  FailingPair,
  Overview,
  OverviewRequest,
  PairRow,
  ShowOverview,
  TierOverview,
} from '../core/overview.ts';
import type { Policy, Window } from '../core/policy.ts';
import { nameKey } from '../core/repo.ts';
import { gauges, type Projection, type SeriesSample } from '../core/series/samples.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';
import { type Moment, pastMoment, presentMoment } from './moments.ts';
import { orderRows } from './row-order.ts';
import { createTrends } from './trends.ts';

export interface OverviewOptions {
  readonly ingest: Ingest;
  /** Its windows are those of the projection. */
  readonly policy: Policy;
  readonly projection: Projection;
  readonly history: FigureHistory;
  readonly listIncidents: ListIncidents;
  /** Woodpecker's root, to link to its pages; `null`: there is none. */
  readonly woodpeckerUrl: string | null;
  /** Unix seconds. */
  readonly now: () => number;
}

const mostRows = 500;
const mostFailing = 5;
const mostFailedRepos = 10;
const mostIncidents = 5;
const mostPast = 4;
/** Windows before the present one that a trend shows. */
const earlierWindows = 11;
const trendGridSeconds = 3600;

export function createOverview(options: OverviewOptions): ShowOverview {
  const { ingest, policy, projection, listIncidents, woodpeckerUrl, now } = options;
  const { state } = ingest;
  const trends = createTrends(options.history, () => performance.now());
  const present = new Map<string, Moment>();
  const past = new Map<string, Promise<Moment>>();
  let pastVersion = -1;
  // One after the other: each holds the deployments of a series at a time, and the figures of all.
  const queue = createQueue();

  const momentAt = async (window: Window, at: number | null): Promise<Moment> => {
    if (at === null) {
      const moment = await presentMoment({
        state,
        projection,
        policy,
        window,
        now: now(),
        before: present.get(window.name),
      });
      present.set(window.name, moment);
      return moment;
    }
    if (pastVersion !== state.version) past.clear();
    pastVersion = state.version;
    const key = `${window.name} ${at}`;
    const known = past.get(key);
    if (known) return known;
    const moment = queue.run(() => pastMoment(ingest, window, at));
    past.set(key, moment);
    moment.catch(() => past.delete(key));
    const [oldest] = past.keys();
    if (past.size > mostPast && oldest !== undefined) past.delete(oldest);
    return moment;
  };

  const describe = (repo: string, tier: string, deployment: Deployment): FailedDeployment => {
    const { at, number, commit } = deployment;
    const repoId = state.repos.get(deployment.repo)?.woodpeckerId ?? null;
    const url =
      woodpeckerUrl === null || repoId === null
        ? null
        : `${woodpeckerUrl}/repos/${repoId}/pipeline/${number}`;
    return { repo, tier, at, number, commit, causes: deployment.verdict.causes, url };
  };

  const failingOf = (moment: Moment, sample: SeriesSample): FailingPair => {
    const { repo, tier } = sample;
    const last = moment.lastFailed(sample);
    return { repo, tier, since: failingSince(sample), last: last && describe(repo, tier, last) };
  };

  const tierOf = async (tier: string, moment: Moment, request: OverviewRequest): Promise<TierOverview> => {
    const { window } = request;
    const { at, projected, tiers } = moment;
    const ofTier = projected.series.filter((sample) => sample.tier === tier);
    const sample = projected.tiers.find((one) => one.tier === tier) ?? null;
    const end = request.at ?? Math.floor(at / trendGridSeconds) * trendGridSeconds;
    const ends = Array.from(
      { length: earlierWindows },
      (_, place) => end - (earlierWindows - place) * window.seconds,
    ).filter((one) => one > 0);
    const deployments = tiers.get(tier);
    const failedIn = [...(deployments?.failedByRepo ?? [])]
      .map(([repo, failed]) => ({ repo, deployments: failed }))
      .sort((a, b) => b.deployments - a.deployments || compareText(a.repo, b.repo));
    return {
      tier,
      repos: ofTier.length,
      failing: ofTier.filter((one) => failingSince(one) > 0).length,
      figures: sample && moment.figuresOf(sample),
      history: await trends(tier, window, ends, request.at !== null),
      bars: deployments?.counts.bars() ?? [],
      barSeconds: deployments?.counts.barSeconds ?? 0,
      failed: (deployments?.failed ?? [])
        .map(({ repo, deployment }) => describe(repo, tier, deployment))
        .reverse(),
      failedIn: failedIn.slice(0, mostFailedRepos),
      otherFailedRepos: Math.max(0, failedIn.length - mostFailedRepos),
    };
  };

  return async (request): Promise<Overview> => {
    const { window } = request;
    const moment = await momentAt(window, request.at);
    const { at, projected } = moment;
    const search = nameKey(request.search);
    const isWanted = ({ tier }: { readonly tier: string }) => request.tier === null || request.tier === tier;
    const tierNames = inPolicyOrder([...new Set(projected.series.map(({ tier }) => tier))], policy);
    const failing = projected.series.filter((sample) => failingSince(sample) > 0);
    failing.sort(
      (a, b) => tierNames.indexOf(a.tier) - tierNames.indexOf(b.tier) || failingSince(b) - failingSince(a),
    );
    const matching = projected.series.filter(
      (sample) => isWanted(sample) && nameKey(sample.repo).includes(search),
    );
    const rowOf = (sample: SeriesSample): PairRow => ({
      repo: sample.repo,
      tier: sample.tier,
      failingSince: failingSince(sample),
      lastAt: lastAt(sample),
      figures: moment.figuresOf(sample),
    });
    const tiers = await Promise.all(
      tierNames.filter((tier) => isWanted({ tier })).map((tier) => tierOf(tier, moment, request)),
    );
    const incidents = request.at === null ? await openIncidents(listIncidents, at) : noIncidents;
    return {
      at,
      tierNames,
      tiers,
      failing: failing.slice(0, mostFailing).map((sample) => failingOf(moment, sample)),
      failingIn: tierNames.flatMap((tier) => {
        const pairs = failing.filter((sample) => sample.tier === tier).length;
        return pairs === 0 ? [] : [{ tier, pairs }];
      }),
      incidents: incidents.incidents,
      otherIncidents: incidents.others,
      rows: await orderRows(matching, rowOf, {
        ...request,
        most: mostRows,
        yieldToEventLoop: createEventLoopYield(),
      }),
      matching: matching.length,
      pairs: projected.series.length,
    };
  };
}

const noIncidents: { readonly incidents: readonly ListedIncident[]; readonly others: number } = {
  incidents: [],
  others: 0,
};

function openIncidents(listIncidents: ListIncidents, now: number) {
  return listIncidents({ isOpen: true, limit: mostIncidents, now });
}

const placeOf = (name: string) => gauges.findIndex((gauge) => gauge.name === name);
const failingSincePlace = placeOf('dora_deployment_failing_since_timestamp');
const lastPlaces = [
  placeOf('dora_deployment_last_success_timestamp'),
  placeOf('dora_deployment_last_failure_timestamp'),
];

function failingSince({ gauges: values }: Pick<SeriesSample, 'gauges'>): number {
  return values[failingSincePlace] ?? 0;
}

function lastAt({ gauges: values }: Pick<SeriesSample, 'gauges'>): number {
  return Math.max(...lastPlaces.map((place) => values[place] ?? 0));
}

/** Production first, then as the policy's rules name them, the default tier last. */
function inPolicyOrder(tiers: readonly string[], policy: Pick<Policy, 'tiers'>): readonly string[] {
  const named = policy.tiers.map(({ tier }) => tier);
  const rankOf = (tier: string) => {
    if (/^prod/i.test(tier)) return -1;
    return named.includes(tier) ? named.indexOf(tier) : named.length;
  };
  return tiers.toSorted((a, b) => rankOf(a) - rankOf(b) || compareText(a, b));
}

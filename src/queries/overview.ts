/**
 * The overview of a moment: what is failing, the figures of tiers and repos, and how the figures of tiers developed.
 *
 * Guarantees: `/metrics` and `/api/dora` have the same figures at the same moment. Earlier windows may be of a slightly
 * older state: an overview does not wait for them for long.
 */

import { compareText } from '../core/compare-text.ts';
import type { Deployment } from '../core/deployment.ts';
import type { IncidentList, ListIncidents } from '../core/failures/listed-incident.ts';
import { earlierEnds, type FigureHistory } from '../core/figure-history.ts';
import type {
  FailedDeployment,
  FailingPair,
  Overview,
  OverviewRequest,
  PairRow,
  ShowOverview,
  TierOverview,
} from '../core/overview.ts';
import type { Policy } from '../core/policy.ts';
import { nameKey } from '../core/repo.ts';
import type { SeriesSample } from '../core/series/samples.ts';
import { shownSeries } from '../core/series/shown-series.ts';
import { failedPart } from '../core/stop.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import type { Moments } from './moment-cache.ts';
import type { Moment } from './moments.ts';
import { pipelineUrl } from './pipeline-url.ts';
import { orderRows } from './row-order.ts';
import { failingSince, lastAt } from './shown-gauges.ts';
import { inPolicyOrder } from './tier-order.ts';
import { createTrends } from './trends.ts';

export interface OverviewOptions {
  readonly ingest: Ingest;
  readonly policy: Policy;
  readonly moments: Moments;
  readonly history: FigureHistory;
  readonly listIncidents: ListIncidents;
  /** Woodpecker's root, to link to its pages; `null`: there is none. */
  readonly woodpeckerUrl: string | null;
}

const mostRows = 500;
const mostFailing = 5;
const mostFailedRepos = 10;
const mostIncidents = 5;
/** Windows before the present one that a trend shows. */
const earlierWindows = 11;

export function createOverview(options: OverviewOptions): ShowOverview {
  const { ingest, policy, moments, listIncidents, woodpeckerUrl } = options;
  const { state } = ingest;
  const trends = createTrends(options.history);

  const describe = (repo: string, tier: string, deployment: Deployment): FailedDeployment => {
    const { at, number, commit } = deployment;
    const url = pipelineUrl(woodpeckerUrl, state.repos.get(deployment.repo), number);
    return { repo, tier, at, number, commit, causes: deployment.verdict.causes, url };
  };

  const failingOf = (moment: Moment, samples: readonly SeriesSample[]): Promise<FailingPair[]> =>
    ingest.read(async ({ pipelines }) => {
      const found: FailingPair[] = [];
      for (const sample of samples) {
        const { repo, tier, gauges } = sample;
        const last = moment.lastFailed(sample);
        const failed = last?.verdict.causes.includes('pipeline') ? last : null;
        const stored = failed && (await pipelines.get(failed.repo, failed.number));
        found.push({
          ...{ repo, tier, since: failingSince(gauges), last: last && describe(repo, tier, last) },
          failedPart: stored && failedPart(policy, repo, tier, stored.record),
        });
      }
      return found;
    });

  const tierOf = async (tier: string, moment: Moment, request: OverviewRequest): Promise<TierOverview> => {
    const { window } = request;
    const { at, projected, tiers } = moment;
    const ofTier = projected.series.filter((sample) => sample.tier === tier);
    const sample = projected.tiers.find((one) => one.tier === tier) ?? null;
    const ends = earlierEnds(window, at, request.at === null, earlierWindows);
    const deployments = tiers.get(tier);
    const failedIn = [...(deployments?.failedByRepo ?? [])]
      .map(([repo, failed]) => ({ repo, deployments: failed }))
      .sort((a, b) => b.deployments - a.deployments || compareText(a.repo, b.repo));
    return {
      tier,
      repos: ofTier.length,
      failing: ofTier.filter((one) => failingSince(one.gauges) > 0).length,
      figures: sample && moment.figuresOf(sample),
      history: await trends(tier, window, ends, request.at !== null),
      bars: deployments?.counts.bars() ?? [],
      barSeconds: deployments?.counts.barSeconds ?? 0,
      failed: (deployments?.failed ?? []).map(({ repo, deployment }) => describe(repo, tier, deployment)),
      failedIn: failedIn.slice(0, mostFailedRepos),
      otherFailedRepos: Math.max(0, failedIn.length - mostFailedRepos),
    };
  };

  const isShownNow = (tier: string): boolean =>
    [...shownSeries(state).values()].some((one) => one.tier === tier);

  return async (request): Promise<Overview> => {
    const { window } = request;
    const moment = await (request.at === null ? moments.now(window) : moments.past(window, request.at));
    const { at, projected } = moment;
    const search = nameKey(request.search);
    const isWanted = ({ tier }: { readonly tier: string }) => request.tier === null || request.tier === tier;
    const shownTiers = new Set(projected.series.map(({ tier }) => tier));
    // Whoever asks for a tier's past may ask for a time before it had anything.
    if (request.at !== null && request.tier !== null && isShownNow(request.tier))
      shownTiers.add(request.tier);
    const tierNames = inPolicyOrder([...shownTiers], policy);
    const allFailing = projected.series.filter((sample) => failingSince(sample.gauges) > 0);
    const failing = allFailing
      .filter(isWanted)
      .sort(
        (a, b) =>
          tierNames.indexOf(a.tier) - tierNames.indexOf(b.tier) ||
          failingSince(b.gauges) - failingSince(a.gauges),
      );
    const matching = projected.series.filter(
      (sample) => isWanted(sample) && nameKey(sample.repo).includes(search),
    );
    const rowOf = (sample: SeriesSample): PairRow => ({
      repo: sample.repo,
      tier: sample.tier,
      failingSince: failingSince(sample.gauges),
      lastAt: lastAt(sample.gauges),
      figures: moment.figuresOf(sample),
    });
    const tiers = await Promise.all(
      tierNames.filter((tier) => isWanted({ tier })).map((tier) => tierOf(tier, moment, request)),
    );
    const openIncidents = async (tier: string | null) =>
      listIncidents({ tier: tier ?? undefined, isOpen: true, limit: mostIncidents, now: at });
    const incidents = await openIncidents(request.tier);
    const allIncidents = request.tier === null ? incidents : await openIncidents(null);
    return {
      at,
      tierNames,
      tiers,
      failing: await failingOf(moment, failing.slice(0, mostFailing)),
      failingIn: tierNames.flatMap((tier) => {
        const pairs = failing.filter((sample) => sample.tier === tier).length;
        return pairs === 0 ? [] : [{ tier, pairs }];
      }),
      incidents: incidents.incidents,
      otherIncidents: incidents.others,
      elsewhere: {
        failing: allFailing.length - failing.length,
        incidents: countOf(allIncidents) - countOf(incidents),
      },
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

function countOf({ incidents, others }: IncidentList): number {
  return incidents.length + others;
}

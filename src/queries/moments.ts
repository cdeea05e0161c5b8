/** What is shown at a moment, with the deployments behind it; and how that follows for the past, without hindsight. */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { counts } from '../core/known-ground.ts';
import { longestWindowSeconds, type Window } from '../core/policy.ts';
import { zeroTotals } from '../core/series/ledger.ts';
import { gaugesOf, type SeriesSample } from '../core/series/samples.ts';
import { type Ingredients, shownSeries } from '../core/series/shown-series.ts';
import type { Timeline } from '../core/series/timeline.ts';
import type { ShownFigures } from '../core/shown-figures.ts';
import {
  createTierWindow,
  type TierSample,
  type TierWindow,
  type WindowShare,
} from '../core/windows/tier-windows.ts';
import { figuresOf, type WindowFigures } from '../core/windows/window-figures.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { readEach } from './read-each.ts';
import { createCollector, type TierDeployments } from './tier-deployments.ts';
import { type Reader, timelineAt } from './timeline-at.ts';
import { createWindowShare, lastDeployedAt, type WindowAt } from './window-share.ts';

export interface Moment extends ShownFigures {
  /** Unix seconds. */
  readonly at: number;
  /** By tier. */
  readonly tiers: ReadonlyMap<string, TierDeployments>;
  /** `null`: memory holds none. */
  lastFailed(sample: SeriesSample): Deployment | null;
}

/** Of the past. Holds figures, not the samples that they are made of. Rejects with `StoreUnavailable`. */
export async function pastMoment(ingest: Ingest, window: Window, at: number): Promise<Moment> {
  const collector = createCollector(window, at);
  const tiers = new Map<string, TierWindow>();
  const series: SeriesSample[] = [];
  const figures = new Map<SeriesSample | TierSample, WindowFigures | null>();
  const lastFailed = new Map<SeriesSample, Deployment>();
  const { policy } = ingest.mode;
  const shown = [...shownSeries(ingest.state)].sort(([a], [b]) => compareText(a, b));
  const windowAt = { window, longestSeconds: longestWindowSeconds(policy), at };
  const yieldToEventLoop = createEventLoopYield();
  await readEach(ingest, shown, async ([, ingredients], pipelines) => {
    await yieldToEventLoop();
    const timelines = await timelinesOf(ingest, ingredients, windowAt, { pipelines, yieldToEventLoop });
    if (timelines.length === 0) return;
    const sample = sampleOf(ingredients, timelines);
    const share = shareIn(timelines, ingredients.knownSince, windowAt);
    series.push(sample);
    figures.set(sample, share && figuresOf(share, policy, sample.tier, window, at));
    let last: Deployment | null = null;
    for (const { base, recent } of timelines) {
      for (const deployment of recent) {
        if (counts(base.ground, deployment)) collector.add(sample.repo, sample.tier, deployment);
        const isFailed = deployment.verdict.causes.length > 0;
        if (isFailed && (!last || compareDeployments(deployment, last) > 0)) last = deployment;
      }
      await yieldToEventLoop();
    }
    if (last) lastFailed.set(sample, last);
    const tier = tiers.get(sample.tier) ?? createTierWindow();
    tiers.set(sample.tier, tier);
    tier.exchange(null, share);
  });
  const tierSamples: TierSample[] = [];
  for (const name of [...tiers.keys()].sort(compareText)) {
    const share = tiers.get(name)?.sample();
    await yieldToEventLoop();
    if (!share) continue;
    const sample = { tier: name, windows: [] };
    tierSamples.push(sample);
    figures.set(sample, figuresOf(share, policy, name, window, at));
  }
  return {
    at,
    projected: { series, tiers: tierSamples },
    figuresOf: (sample) => figures.get(sample) ?? null,
    tiers: collector.finish(),
    lastFailed: (sample) => lastFailed.get(sample) ?? null,
  };
}

/** The timelines of all repos that have the series' name, except repos without a deployment. */
async function timelinesOf(
  ingest: Ingest,
  { pairs }: Ingredients,
  { window, at }: Pick<WindowAt, 'window' | 'at'>,
  reader: Reader,
): Promise<readonly Timeline[]> {
  const timelines: Timeline[] = [];
  for (const { repo, tier } of pairs) {
    const timeline = await timelineAt(ingest, { repo, tier, window }, at, reader);
    if (timeline && lastDeployedAt(timeline) > 0) timelines.push(timeline);
  }
  return timelines;
}

function shareIn(
  timelines: readonly Timeline[],
  knownSince: number | null,
  windowAt: WindowAt,
): WindowShare | null {
  const share = createWindowShare(knownSince, windowAt);
  for (const timeline of timelines) share.add(timeline);
  return share.finish();
}

function sampleOf({ repo, tier }: Ingredients, timelines: readonly Timeline[]): SeriesSample {
  return {
    repo,
    tier,
    gauges: gaugesOf(timelines),
    totals: zeroTotals,
    hasDeployed: true,
    windows: null,
    openIncidents: null,
  };
}

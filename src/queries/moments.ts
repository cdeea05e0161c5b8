/** What is shown at a moment, with the deployments behind it; and how that follows for the past, without hindsight. */

import { compareText } from '../core/compare-text.ts';
import type { Deployment } from '../core/deployment.ts';
import type { Window } from '../core/policy.ts';
import { lastIn } from '../core/series/last-deployed.ts';
import { zeroTotals } from '../core/series/ledger.ts';
import { gaugesOf, type SeriesSample } from '../core/series/samples.ts';
import { shownSeries } from '../core/series/shown-series.ts';
import type { Timeline } from '../core/series/timeline.ts';
import type { ShownFigures } from '../core/shown-figures.ts';
import { createTierWindow, type TierSample, type TierWindow } from '../core/windows/tier-windows.ts';
import { figuresOf, type WindowFigures } from '../core/windows/window-figures.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { readEach } from './read-each.ts';
import { createCollector, lastFailedOf, type TierDeployments } from './tier-deployments.ts';
import { sharesAt } from './window-share.ts';

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
  const lastFailed = new Map<SeriesSample, Deployment | null>();
  const { policy } = ingest.mode;
  const allSeries = [...shownSeries(ingest.state)].sort(([a], [b]) => compareText(a, b));
  const yieldToEventLoop = createEventLoopYield();
  await readEach(ingest, allSeries, async ([, ingredients], pipelines) => {
    await yieldToEventLoop();
    const timelines: Timeline[] = [];
    const reader = { pipelines, yieldToEventLoop };
    const [share = null] = await sharesAt(ingest, ingredients, window, [at], reader, (timeline) =>
      timelines.push(timeline),
    );
    if (timelines.every((timeline) => lastIn(timeline) === 0)) return;
    const { repo, tier } = ingredients;
    const shown = { totals: zeroTotals, hasDeployed: true, windows: null, openIncidents: null };
    const sample: SeriesSample = { repo, tier, gauges: gaugesOf(timelines), ...shown };
    series.push(sample);
    figures.set(sample, share && figuresOf(share, policy, tier, window, at));
    lastFailed.set(sample, lastFailedOf(timelines));
    for (const timeline of timelines) {
      collector.add(repo, tier, timeline);
      await yieldToEventLoop();
    }
    const sum = tiers.get(tier) ?? createTierWindow();
    tiers.set(tier, sum);
    sum.exchange(null, share);
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

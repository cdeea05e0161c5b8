/**
 * What is shown at a moment, with the deployments behind it: now from memory, earlier by a replay of all that is stored.
 *
 * Guarantees: long work goes in slices; of several moments, a few are kept until the state changes.
 */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment, knownAt } from '../core/deployment.ts';
import { type BarCounts, createBarCounts } from '../core/deployment-bars.ts';
import { counts } from '../core/known-ground.ts';
import { type LooksFor, longestWindowSeconds, type Policy, type Window } from '../core/policy.ts';
import { countBefore } from '../core/series/chunks.ts';
import { createStandings } from '../core/series/history-replay.ts';
import { zeroTotals } from '../core/series/ledger.ts';
import {
  findSeries,
  gaugesOf,
  type Ingredients,
  type Projected,
  type Projection,
  type SeriesSample,
  shownSeries,
} from '../core/series/samples.ts';
import type { State } from '../core/series/state.ts';
import { coverageOf, knownTimeOf } from '../core/windows/coverage.ts';
import {
  createTierWindows,
  type TierSample,
  type TierShare,
  type TierWindows,
} from '../core/windows/tier-windows.ts';
import { isWithin, windowsOf } from '../core/windows/window-content.ts';
import { figuresIn, type WindowFigures } from '../core/windows/window-figures.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { readSeries } from './read-series.ts';

export interface Moment {
  /** Unix seconds. */
  readonly at: number;
  readonly projected: Projected;
  /** Of a sample of the projected series or tiers, over the window. */
  figuresOf(sample: SeriesSample | TierSample): WindowFigures | null;
  /** By tier. */
  readonly tiers: ReadonlyMap<string, TierDeployments>;
  /** `null`: memory holds none. */
  lastFailed(sample: SeriesSample): Deployment | null;
}

/** The deployments of one tier in the window. */
export interface TierDeployments {
  readonly counts: BarCounts;
  /** The latest, in order of time. */
  readonly failed: readonly NamedDeployment[];
  /** How many have failed, by repo. */
  readonly failedByRepo: ReadonlyMap<string, number>;
}

export interface NamedDeployment {
  readonly repo: string;
  readonly deployment: Deployment;
}

/** How many failed deployments of a tier are kept. */
export const mostFailed = 20;

/** Collects the deployments of a window, of all tiers. */
function createCollector(window: Window, at: number) {
  const create = () => ({
    counts: createBarCounts(window, at),
    failed: [] as readonly NamedDeployment[],
    failedByRepo: new Map<string, number>(),
  });
  const tiers = new Map<string, ReturnType<typeof create>>();
  return {
    add(repo: string, tier: string, deployment: Deployment): void {
      const found = tiers.get(tier) ?? create();
      tiers.set(tier, found);
      found.counts.add(deployment);
      if (deployment.verdict.causes.length === 0 || !isWithin(deployment, window, at)) return;
      found.failedByRepo.set(repo, (found.failedByRepo.get(repo) ?? 0) + 1);
      found.failed = [...found.failed, { repo, deployment }];
      if (found.failed.length >= 4 * mostFailed) found.failed = latestOf(found.failed);
    },
    finish(): ReadonlyMap<string, TierDeployments> {
      for (const found of tiers.values()) found.failed = latestOf(found.failed);
      return tiers;
    },
  };
}

function latestOf(failed: readonly NamedDeployment[]): readonly NamedDeployment[] {
  return failed.toSorted((a, b) => compareDeployments(a.deployment, b.deployment)).slice(-mostFailed);
}

export interface PresentOptions {
  readonly state: State;
  readonly projection: Projection;
  /** Its windows are those of the projection. */
  readonly policy: Pick<Policy, 'windows'> & LooksFor;
  readonly window: Window;
  /** Unix seconds. */
  readonly now: number;
  /** What was shown of the window last. */
  readonly before: Moment | undefined;
}

/** Of now. The projection stays the same object as long as nothing enters or leaves a window. */
export async function presentMoment({
  state,
  projection,
  policy,
  window,
  now,
  before,
}: PresentOptions): Promise<Moment> {
  const yieldToEventLoop = createEventLoopYield();
  await projection.prepare(now, yieldToEventLoop);
  const projected = projection.at(now);
  const figuresOf: Moment['figuresOf'] = (sample) =>
    figuresIn('repo' in sample ? sample.windows : sample, policy, sample.tier, window, now);
  if (before?.projected === projected) return { ...before, at: now, figuresOf };
  const collector = createCollector(window, now);
  for (const { repo, pairs, timelines } of shownSeries(state).values()) {
    const tier = pairs[0]?.tier ?? '';
    for (const { base, recent } of timelines) {
      const first = countBefore(recent, (one) => one.at > now - window.seconds && counts(base.ground, one));
      for (let place = first; place < recent.length; place++) {
        const deployment = recent[place];
        if (deployment) collector.add(repo.fullName, tier, deployment);
      }
      await yieldToEventLoop();
    }
  }
  return {
    at: now,
    projected,
    figuresOf,
    tiers: collector.finish(),
    lastFailed({ repo, tier }) {
      const timelines = findSeries(state, repo, tier)?.timelines ?? [];
      const last = timelines.flatMap(
        ({ recent }) => recent.findLast(({ verdict }) => verdict.causes.length > 0) ?? [],
      );
      return last.toSorted(compareDeployments).at(-1) ?? null;
    },
  };
}

/** Of the past. Holds figures, not the samples that they are made of. Rejects with `StoreUnavailable`. */
export async function pastMoment(ingest: Ingest, window: Window, at: number): Promise<Moment> {
  const collector = createCollector(window, at);
  const tiers = new Map<string, TierWindows>();
  const series: SeriesSample[] = [];
  const figures = new Map<SeriesSample | TierSample, WindowFigures | null>();
  const lastFailed = new Map<SeriesSample, Deployment>();
  const policy = { ...ingest.mode.policy, windows: [window] };
  const shown = [...shownSeries(ingest.state)].sort(([a], [b]) => compareText(a, b));
  const yieldToEventLoop = createEventLoopYield();
  for (const [, ingredients] of shown) {
    await yieldToEventLoop();
    const replayed = await ingest.read(({ pipelines }) =>
      replayTo(ingest, pipelines, ingredients, window, at, collector.add),
    );
    if (!replayed) continue;
    const { sample, share } = replayed;
    series.push(sample);
    figures.set(sample, figuresIn(share, policy, sample.tier, window, at));
    if (replayed.lastFailed) lastFailed.set(sample, replayed.lastFailed);
    const tier = tiers.get(sample.tier) ?? createTierWindows(sample.tier, 1);
    tiers.set(sample.tier, tier);
    tier.exchange(null, share);
  }
  const tierSamples: TierSample[] = [];
  for (const name of [...tiers.keys()].sort(compareText)) {
    const sample = tiers.get(name)?.sample();
    await yieldToEventLoop();
    if (!sample) continue;
    const bare = { ...sample, windows: [] };
    tierSamples.push(bare);
    figures.set(bare, figuresIn(sample, policy, name, window, at));
  }
  return {
    at,
    projected: { series, tiers: tierSamples },
    figuresOf: (sample) => figures.get(sample) ?? null,
    tiers: collector.finish(),
    lastFailed: (sample) => lastFailed.get(sample) ?? null,
  };
}

interface Replayed {
  /** Without its windows. */
  readonly sample: SeriesSample;
  readonly share: TierShare | null;
  readonly lastFailed: Deployment | null;
}

/** What was shown of a series at a moment; `null`: it had no deployment yet. */
async function replayTo(
  ingest: Ingest,
  pipelines: Reading['pipelines'],
  ingredients: Ingredients,
  window: Window,
  at: number,
  onDeployment: (repo: string, tier: string, deployment: Deployment) => void,
): Promise<Replayed | null> {
  const { repo, pairs } = ingredients;
  const tier = pairs[0]?.tier ?? '';
  const { member, deployments } = readSeries(ingest, pipelines, ingredients);
  const standings = createStandings(member);
  const yieldToEventLoop = createEventLoopYield();
  let isAny = false;
  for await (const slice of deployments) {
    const known = slice.filter((deployment) => knownAt(deployment) <= at);
    for (const deployment of known) standings.add(deployment);
    const last = known.at(-1);
    if (last) standings.moveTo(last.at);
    isAny ||= known.length > 0;
    if ((slice.at(-1)?.at ?? 0) > at) break;
    await yieldToEventLoop();
  }
  if (!isAny) return null;
  standings.moveTo(at);
  const { timelines } = standings;
  let lastFailed: Deployment | null = null;
  for (const { base, recent } of timelines) {
    for (const deployment of recent) {
      if (counts(base.ground, deployment)) onDeployment(repo.fullName, tier, deployment);
      const isFailed = deployment.verdict.causes.length > 0;
      if (isFailed && (!lastFailed || compareDeployments(deployment, lastFailed) > 0))
        lastFailed = deployment;
    }
    await yieldToEventLoop();
  }
  const longest = { name: '', seconds: longestWindowSeconds(ingest.mode.policy) };
  const { windows, isAny: isShown } = windowsOf(timelines, [window, longest], at);
  const { knownSince } = member;
  const sample: SeriesSample = {
    repo: repo.fullName,
    tier,
    gauges: gaugesOf(timelines),
    totals: zeroTotals,
    hasDeployed: true,
    windows: null,
  };
  const share: TierShare | null = isShown
    ? {
        windows: windows.slice(0, 1),
        coverage: [coverageOf(knownSince, window, at).ratio],
        knownTime: [knownTimeOf(knownSince, window, at)],
      }
    : null;
  return { sample, share, lastFailed };
}

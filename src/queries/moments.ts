/**
 * What is shown at a moment, with the deployments behind it: now from memory, earlier by a replay of all that is stored.
 *
 * Guarantees: long work goes in slices; of several moments, a few are kept until the state changes.
 */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { type BarCounts, createBarCounts } from '../core/deployment-bars.ts';
import { counts } from '../core/known-ground.ts';
import { longestWindowSeconds, type Window } from '../core/policy.ts';
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
import { createTierWindows, type TierWindows } from '../core/windows/tier-windows.ts';
import { windowsOf } from '../core/windows/window-content.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { createBreath } from '../util/clock.ts';
import { readSeries } from './read-series.ts';

export interface Moment {
  /** Unix seconds. */
  readonly at: number;
  readonly projected: Projected;
  /** Those that `projected` has, in its order. */
  readonly windows: readonly Window[];
  /** By tier. */
  readonly tiers: ReadonlyMap<string, TierDeployments>;
  /** `null`: memory holds none. */
  lastFailed(sample: SeriesSample): Deployment | null;
}

/** The deployments of one tier in the window. */
export interface TierDeployments {
  readonly counts: BarCounts;
  /** The latest, in order of time. */
  failed: readonly NamedDeployment[];
}

export interface NamedDeployment {
  readonly repo: string;
  readonly deployment: Deployment;
}

/** How many failed deployments of a tier are kept. */
export const mostFailed = 20;

/** Collects the deployments of a window, of all tiers. */
function createCollector(window: Window, at: number) {
  const tiers = new Map<string, { counts: BarCounts; failed: readonly NamedDeployment[] }>();
  return {
    tiers,
    add(repo: string, tier: string, deployment: Deployment): void {
      const found = tiers.get(tier) ?? { counts: createBarCounts(window, at), failed: [] };
      tiers.set(tier, found);
      found.counts.add(deployment);
      if (
        deployment.verdict.causes.length === 0 ||
        deployment.at <= at - window.seconds ||
        deployment.at > at
      )
        return;
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
  /** Those of the projection. */
  readonly windows: readonly Window[];
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
  windows,
  window,
  now,
  before,
}: PresentOptions): Promise<Moment> {
  const breathe = createBreath();
  await projection.prepare(now, breathe);
  const projected = projection.at(now);
  if (before?.projected === projected) return { ...before, at: now };
  const collector = createCollector(window, now);
  for (const { repo, pairs, timelines } of shownSeries(state).values()) {
    const tier = pairs[0]?.tier ?? '';
    for (const { base, recent } of timelines) {
      const first = countBefore(recent, (one) => one.at > now - window.seconds && counts(base.ground, one));
      for (let place = first; place < recent.length; place++) {
        const deployment = recent[place];
        if (deployment) collector.add(repo.fullName, tier, deployment);
      }
      await breathe();
    }
  }
  return {
    at: now,
    projected,
    windows,
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

/** Of the past. Rejects with `StoreUnavailable`. */
export async function pastMoment(ingest: Ingest, window: Window, at: number): Promise<Moment> {
  const collector = createCollector(window, at);
  const tiers = new Map<string, TierWindows>();
  const series: SeriesSample[] = [];
  const lastFailed = new Map<string, Deployment>();
  const shown = [...shownSeries(ingest.state)].sort(([a], [b]) => compareText(a, b));
  for (const [, ingredients] of shown) {
    const replayed = await ingest.read(({ pipelines }) =>
      replayTo(ingest, pipelines, ingredients, window, at, collector.add),
    );
    if (!replayed) continue;
    const { sample } = replayed;
    series.push(sample);
    if (replayed.lastFailed) lastFailed.set(keyOf(sample), replayed.lastFailed);
    const tier = tiers.get(sample.tier) ?? createTierWindows(sample.tier, 1);
    tiers.set(sample.tier, tier);
    tier.exchange(null, sample.windows);
  }
  const breathe = createBreath();
  const samples = [];
  for (const name of [...tiers.keys()].sort(compareText)) {
    samples.push(...[tiers.get(name)?.sample() ?? []].flat());
    await breathe();
  }
  return {
    at,
    projected: { series, tiers: samples },
    windows: [window],
    tiers: collector.finish(),
    lastFailed: (sample) => lastFailed.get(keyOf(sample)) ?? null,
  };
}

function keyOf({ repo, tier }: Pick<SeriesSample, 'repo' | 'tier'>): string {
  return `${repo}\n${tier}`;
}

/** What was shown of a series at a moment; `null`: it had no deployment yet. */
async function replayTo(
  ingest: Ingest,
  pipelines: Reading['pipelines'],
  ingredients: Ingredients,
  window: Window,
  at: number,
  onDeployment: (repo: string, tier: string, deployment: Deployment) => void,
): Promise<{ readonly sample: SeriesSample; readonly lastFailed: Deployment | null } | null> {
  const { repo, pairs } = ingredients;
  const tier = pairs[0]?.tier ?? '';
  const { member, deployments } = readSeries(ingest, pipelines, ingredients);
  const standings = createStandings(member);
  const breathe = createBreath();
  let isAny = false;
  for await (const slice of deployments) {
    const known = slice.filter((deployment) => deployment.at <= at);
    for (const deployment of known) standings.add(deployment);
    const last = known.at(-1);
    if (last) standings.moveTo(last.at);
    isAny ||= known.length > 0;
    if (known.length < slice.length) break;
    await breathe();
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
    await breathe();
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
    windows: isShown
      ? {
          windows: windows.slice(0, 1),
          coverage: [coverageOf(knownSince, window, at).ratio],
          knownTime: [knownTimeOf(knownSince, window, at)],
        }
      : null,
  };
  return { sample, lastFailed };
}

/**
 * Plays a random history into a world, with a forge that answers from the commit graph at the times of the history. Converts
 * the shown values and the oracle's values to one form.
 */

import type { Change, CommitRange } from '../../src/core/commit-range.ts';
import { type Lookup, lookupsOf, pendingBefore } from '../../src/core/lead-time-lookups.ts';
import type { Window } from '../../src/core/policy.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import type { Projected, SeriesSample } from '../../src/core/series/samples.ts';
import type { WindowShare } from '../../src/core/windows/tier-windows.ts';
import { inAscendingOrder, noValues, quantileOf } from '../../src/core/windows/values.ts';
import { windowCounts, windowDistributions } from '../../src/core/windows/window-content.ts';
import { findOlderLookups } from '../../src/sources/older-lookups.ts';
import { deliver, deliverPage } from './deliver.ts';
import { factsOf, type History, keyOfTelling, type Name, recordOf, truthOf } from './dora-histories.ts';
import {
  type CommitGraph,
  type Distribution,
  type ExpectedSeries,
  type ExpectedTimes,
  type ExpectedWindow,
  expectCoverage,
  expectKnown,
  expectWindow,
  type ForgeAnswer,
  reachableFrom,
  type Truth,
} from './dora-oracle.ts';
import { nameGauges } from './gauges.ts';
import type { World } from './world.ts';

/** The rules for lead times. */
export interface LeadTimeRules {
  readonly asksForge: boolean;
  readonly fallback: 'created' | null;
}

export interface Play extends LeadTimeRules {
  /** Unix seconds: the horizon of every repo if there are scans. */
  readonly horizon?: number;
  /** Called after each commit and restart, with the truth so far and the pending lookups. */
  readonly onSettled?: (truth: Truth, lookups: readonly Lookup[]) => unknown;
}

/** Plays all steps of `history`; returns functions for further steps. */
export async function playHistory(history: History, world: World, play: Play): Promise<Played> {
  const heard = { tellings: new Set<string>(), names: new Map<number, Name>() };
  const knownSince = new Map<number, number>();
  const answers: ForgeAnswer[] = [];
  const asked: Lookup[] = [];
  let together: Promise<unknown>[] = [];

  const nowSeconds = () => Math.floor(world.clock.now() / 1000);
  let rules: LeadTimeRules = play;
  const truth = () =>
    truthOf(history, heard, { ...rules, answers, knownSince, countsBeyond: play.horizon === undefined });
  const settle = async (): Promise<void> => {
    const isAny = together.length > 0;
    await Promise.all(together);
    together = [];
    if (isAny) await play.onSettled?.(truth(), presentLookups());
  };
  const answer = (lookup: Lookup, isOlder = false): void => {
    const { base, head, number } = lookup;
    const change = answerOf(history, lookup);
    const repo = world.state.repos.get(lookup.repo)?.woodpeckerId ?? 0;
    const answer = { repo: lookup.repo, tier: lookup.tier, number, change, commit: null, isOlder };
    answers.push({ repo, tier: lookup.tier, number, base, head, canTell: change.range !== null });
    together.push(world.ingest.submit({ kind: 'commits', answers: [answer] }));
  };
  /** Answers lookups of deployments older than the ones in memory; `false`: none is left. */
  const answerOlder = async (): Promise<boolean> => {
    const unanswered = [...world.state.pairs.values()].flatMap(({ repo, tier }) => {
      const timeline = world.state.timelines.get(pairKey(repo, tier));
      return timeline && pendingBefore(timeline) > 0 ? [{ repo, tier, timeline }] : [];
    });
    for (const { repo, tier, timeline } of unanswered) {
      const lookups = await findOlderLookups(world.ingest, { repo, tier }, timeline, 100);
      if (lookups.length === 0) throw new Error('Older lookups are wanted that the store does not have');
      for (const lookup of lookups) answer(lookup, true);
      await Promise.all(together);
      together = [];
      await world.ingest.submit({ kind: 'foldOlder', repo, tier });
    }
    return unanswered.length > 0;
  };
  const presentLookups = () =>
    [...world.state.timelines].flatMap(([key, timeline]) =>
      lookupsOf(timeline, world.state.pairs.get(key)?.tier ?? ''),
    );
  const release = async (repo: number): Promise<void> => {
    if (!world.state.repoById(repo)) return;
    await world.release(repo, play.horizon ?? null);
    if (play.horizon !== undefined && !knownSince.has(repo)) knownSince.set(repo, play.horizon);
  };
  const cover = async (repo: number, since: number): Promise<void> => {
    const before = knownSince.get(repo);
    if (before === undefined || since >= before) return;
    knownSince.set(repo, since);
    await world.inUnitOfWork(async ({ repos }) => repos.put({ ...repos.withId(repo), knownSince: since }));
  };

  for (const step of history.steps) {
    if (!step.isJoined) await settle();
    switch (step.kind) {
      case 'tell': {
        const pipeline = history.pipelines[step.pipeline];
        if (!pipeline) break;
        const { repo } = pipeline;
        const known = heard.names.get(repo);
        if (!known || step.name.asOf > known.asOf) heard.names.set(repo, step.name);
        heard.tellings.add(keyOfTelling(step.pipeline, step.telling));
        if (!knownSince.has(repo) && play.horizon === undefined) knownSince.set(repo, nowSeconds());
        together.push(
          step.origin === 'live'
            ? deliver(world.ingest, factsOf(repo, step.name), recordOf(pipeline, step.telling))
            : deliverPage(world.ingest, factsOf(repo, step.name), [recordOf(pipeline, step.telling)]),
        );
        break;
      }
      case 'ask':
        asked.push(...presentLookups());
        break;
      case 'answer': {
        const [lookup] = asked.splice(asked.length === 0 ? 0 : step.which % asked.length, 1);
        if (lookup) answer(lookup);
        break;
      }
      case 'wait':
        world.clock.advance(step.seconds);
        break;
      case 'restart':
        await world.restart();
        await play.onSettled?.(truth(), presentLookups());
        break;
      case 'release':
        await release(step.repo);
        break;
      case 'cover':
        await cover(step.repo, step.since);
        break;
      default:
        step satisfies never;
    }
  }
  await settle();
  return {
    truth,
    lookups: presentLookups,
    turnTo(next) {
      rules = next;
    },
    async finish() {
      if (play.horizon !== undefined) for (const repo of heard.names.keys()) await release(repo);
      for (let round = 0; presentLookups().length > 0 || (await answerOlder()); round++) {
        if (round > 2 * history.pipelines.length) throw new Error('The forge is asked again and again');
        for (const lookup of presentLookups()) answer(lookup);
        await settle();
      }
    },
  };
}

export interface Played {
  /** The truth that follows from all observations so far. */
  truth(): Truth;
  /** The pending lookups. */
  lookups(): readonly Lookup[];
  /** Uses other rules for the truth from now on. */
  turnTo(rules: LeadTimeRules): void;
  /** Completes every scan, and answers all pending lookups. */
  finish(): Promise<void>;
}

/** The forge's answer about the range between two commits. */
function answerOf({ graph, lost }: History, { base, head }: Lookup): Change {
  const isThere = (id: string) => graph.has(id) && !lost.has(id);
  const canTell = isThere(head) && (base === null || isThere(base));
  return { base, head, range: canTell ? rangeOf(graph, base, head) : null };
}

export function rangeOf(graph: CommitGraph, base: string | null, head: string): CommitRange {
  const before = base === null ? new Set<string>() : reachableFrom(graph, base);
  const after = base === null ? new Set([head]) : reachableFrom(graph, head);
  return {
    added: [...after]
      .filter((id) => !before.has(id))
      .map((id) => ({
        id,
        committedAt: graph.get(id)?.committedAt ?? 0,
        isMerge: (graph.get(id)?.parents.length ?? 0) > 1,
      })),
    removed: [...before].filter((id) => !after.has(id)),
  };
}

/** The content of a window, in the oracle's form. */
interface Shown {
  readonly series: Readonly<Record<string, ExpectedTimes & { windows: Windows | null }>>;
  readonly tiers: Readonly<Record<string, Windows>>;
}
type Windows = Readonly<Record<string, ExpectedWindow>>;

/** The shown values, without series that have no deployment; see `idleSeries`. */
export function shownOf({ series, tiers }: Projected, windows: readonly Window[], expected: Shown): Shown {
  const isExpected = (sample: SeriesSample) => keyOf(sample) in expected.series;
  return {
    series: Object.fromEntries(
      series.filter(isExpected).map((sample) => [
        keyOf(sample),
        {
          ...nameGauges(sample.gauges),
          windows: sample.windows && namedWindows(sample.windows, windows),
        },
      ]),
    ),
    tiers: Object.fromEntries(tiers.map((sample) => [sample.tier, namedWindows(sample.windows, windows)])),
  };
}

/** Shown series without a deployment in the oracle. */
export function idleSeries({ series }: Projected, expected: Shown): readonly SeriesSample[] {
  return series.filter((sample) => !(keyOf(sample) in expected.series));
}

export function expectShown(all: readonly ExpectedSeries[], windows: readonly Window[], now: number): Shown {
  const longest = longestOf(windows);
  const isShown = (one: ExpectedSeries) => expectWindow([one], longest, now).deployments > 0;
  const windowsOf = (some: readonly ExpectedSeries[]): Windows =>
    Object.fromEntries(windows.map(({ name, seconds }) => [name, rounded(expectWindow(some, seconds, now))]));
  const tiers = [...new Set(all.filter(isShown).map(({ tier }) => tier))].sort();
  return {
    series: Object.fromEntries(
      all.map((one) => [
        `${one.series} ${one.tier}`,
        { ...one.times, windows: isShown(one) ? windowsOf([one]) : null },
      ]),
    ),
    tiers: Object.fromEntries(tiers.map((tier) => [tier, windowsOf(all.filter((one) => one.tier === tier))])),
  };
}

/** Differences between pending lookups and the oracle's; a deployment older than every window needs none. */
export function wrongLookups(
  lookups: readonly Lookup[],
  windows: readonly Window[],
  { all, now }: { all: readonly ExpectedSeries[]; now: number },
): string[] {
  const cutoff = now - longestOf(windows);
  const wordsOf = ({ number, base, head }: Pick<Lookup, 'number' | 'base' | 'head'>) =>
    `${number}: ${base} to ${head}`;
  const expected = all.flatMap(({ unanswered }) => unanswered);
  const wanted = new Set(expected.map(wordsOf));
  const found = new Set(lookups.map(wordsOf));
  return [
    ...[...found].filter((words) => !wanted.has(words)).map((words) => `wants ${words}`),
    ...expected
      .filter(({ at }) => at > cutoff)
      .map(wordsOf)
      .filter((words) => !found.has(words))
      .map((words) => `does not want ${words}`),
  ];
}

/** Shown coverages that differ from the known share of the window, rounded down to a thousandth. */
export function wrongCoverages(
  { series, tiers }: Projected,
  windows: readonly Window[],
  { truth, all, now }: { truth: Truth; all: readonly ExpectedSeries[]; now: number },
): string[] {
  const shown = all.filter((one) => expectWindow([one], longestOf(windows), now).deployments > 0);
  /** The known time of each repo with the name. */
  const boundsOf = ({ repos, isShared }: ExpectedSeries, seconds: number): [number, number] => {
    const since = repos.map((repo) => truth.knownSince.get(repo) ?? Number.NaN);
    const latest = isShared ? Math.max(...truth.knownSince.values()) : Math.max(...since);
    return [expectCoverage(latest, seconds, now), expectCoverage(Math.min(...since), seconds, now)];
  };
  const isWithin = (ratio: number, bounds: readonly [number, number][]) => {
    const mean = (place: 0 | 1) => bounds.reduce((sum, bound) => sum + bound[place], 0) / bounds.length;
    return ratio > mean(0) - 0.001 - 1e-9 && ratio <= mean(1) + 1e-9;
  };
  const wrong: string[] = [];
  for (const [index, { name, seconds }] of windows.entries()) {
    for (const sample of series) {
      const one = shown.find((candidate) => `${candidate.series} ${candidate.tier}` === keyOf(sample));
      const ratio = sample.windows?.[index]?.coverage;
      if (one && (ratio === undefined || !isWithin(ratio, [boundsOf(one, seconds)]))) {
        wrong.push(`${keyOf(sample)} ${name}: ${ratio}, not ${boundsOf(one, seconds).join(' to ')}`);
      }
    }
    for (const { tier, windows: shares } of tiers) {
      const bounds = shown.filter((one) => one.tier === tier).map((one) => boundsOf(one, seconds));
      const ratio = shares[index]?.coverage ?? Number.NaN;
      if (!isWithin(ratio, bounds)) wrong.push(`${tier} ${name}: ${ratio}, not ${JSON.stringify(bounds)}`);
    }
  }
  return wrong;
}

/** Windows whose share of deployments in known time differs from the truth. */
export function wrongKnown(
  { series, tiers }: Projected,
  windows: readonly Window[],
  { all, now }: { all: readonly ExpectedSeries[]; now: number },
): string[] {
  const wrongOf = (name: string, shares: readonly WindowShare[] | null, some: readonly ExpectedSeries[]) =>
    windows.flatMap(({ name: window, seconds }, index) => {
      const [found, wanted] = [shares?.[index]?.known ?? 0, expectKnown(some, seconds, now)];
      return found === wanted ? [] : [`${name} ${window}: ${found}, not ${wanted}`];
    });
  return [
    ...series.flatMap((sample) =>
      wrongOf(
        keyOf(sample),
        sample.windows,
        all.filter((one) => `${one.series} ${one.tier}` === keyOf(sample)),
      ),
    ),
    ...tiers.flatMap((sample) =>
      wrongOf(
        sample.tier,
        sample.windows,
        all.filter(({ tier }) => tier === sample.tier),
      ),
    ),
  ];
}

function longestOf(windows: readonly Window[]): number {
  return Math.max(...windows.map(({ seconds }) => seconds));
}

function keyOf({ repo, tier }: SeriesSample): string {
  return `${repo.toLowerCase()} ${tier}`;
}

function namedWindows(shares: readonly WindowShare[], windows: readonly Window[]): Windows {
  return Object.fromEntries(
    windows.map(({ name }, index) => {
      const content = shares[index];
      const countOf = (count: string) =>
        content?.counts[windowCounts.findIndex((candidate) => candidate.name === count)] ?? Number.NaN;
      const distributionOf = (distribution: string): Distribution => {
        const samples =
          content?.samples[windowDistributions.findIndex((candidate) => candidate.name === distribution)] ??
          noValues;
        return {
          samples: inAscendingOrder(samples),
          p50: quantileOf(samples, 0.5),
          p95: quantileOf(samples, 0.95),
        };
      };
      return [
        name,
        rounded({
          deployments: countOf('deployments'),
          failed: countOf('failed_deployments'),
          rework: countOf('rework_deployments'),
          leadTime: distributionOf('change_lead_time_seconds'),
          recovery: distributionOf('recovery_time_seconds'),
        }),
      ];
    }),
  );
}

/** Quantiles to the thousandth of a second, since rounding errors may differ. */
function rounded(window: ExpectedWindow): ExpectedWindow {
  const round = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);
  const roundAll = ({ samples, p50, p95 }: Distribution) => ({ samples, p50: round(p50), p95: round(p95) });
  return { ...window, leadTime: roundAll(window.leadTime), recovery: roundAll(window.recovery) };
}

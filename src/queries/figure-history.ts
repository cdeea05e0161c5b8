/**
 * How figures developed: the deployments of each series go by again, as they do for an export, and each window's end takes
 * what was shown then. Of a tier, the series are added up as the metrics add them up.
 *
 * Guarantees: one history is worked out at a time, in slices, and kept until the state changes. Memory is bounded: if
 * overlapping windows hold too many samples together, their ends are gone through in parts.
 */

import { knownAt } from '../core/deployment.ts';
import type { FigureHistory, FigureHistoryRequest, FigurePoint } from '../core/figure-history.ts';
import { longestWindowSeconds, type Window } from '../core/policy.ts';
import { createWindowReplay } from '../core/series/history-replay.ts';
import { inKnownOrder } from '../core/series/known-order.ts';
import { findSeries, type Ingredients, shownSeries } from '../core/series/shown-series.ts';
import { knownSeconds } from '../core/windows/coverage.ts';
import { createTierWindows, type TierWindows } from '../core/windows/tier-windows.ts';
import { figuresOf } from '../core/windows/window-figures.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { createQueue } from '../util/serial-queue.ts';
import { readSeries, shareOf } from './read-series.ts';

/** Numbers that the windows of a history hold together. */
const mostSamples = 2_000_000;
const mostKept = 64;

export function createFigureHistory(ingest: Ingest): FigureHistory {
  const { state } = ingest;
  const kept = new Map<string, Promise<readonly FigurePoint[] | null>>();
  const queue = createQueue();
  let keptVersion = -1;

  return (request) => {
    if (keptVersion !== state.version) kept.clear();
    keptVersion = state.version;
    const { repo, tier, window, ends } = request;
    const key = JSON.stringify([repo?.toLowerCase(), tier, window.name, ends]);
    const known = kept.get(key);
    if (known) return known;
    const history = queue.run(() => historyOf(ingest, request));
    kept.set(key, history);
    history.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
    return history;
  };
}

async function historyOf(
  ingest: Ingest,
  { repo, tier, window, ends }: FigureHistoryRequest,
): Promise<readonly FigurePoint[] | null> {
  const { state } = ingest;
  const series =
    repo === null
      ? [...shownSeries(state).values()].filter(({ pairs }) => pairs[0]?.tier === tier)
      : [findSeries(state, repo, tier)].filter((one) => one !== null);
  if (series.length === 0) return null;
  const points: FigurePoint[] = [];
  let atOnce = ends.length;
  while (points.length < ends.length) {
    const part = ends.slice(points.length, points.length + atOnce);
    const found = await pointsOf(ingest, series, tier, window, part);
    if (found) points.push(...found);
    else atOnce = Math.ceil(part.length / 2);
  }
  return points;
}

/** `null` if the windows of several ends hold too many samples together. */
async function pointsOf(
  ingest: Ingest,
  series: readonly Ingredients[],
  tier: string,
  window: Window,
  ends: readonly number[],
): Promise<readonly FigurePoint[] | null> {
  const { policy } = ingest.mode;
  const books = ends.map((end) => ({ end, tier: createTierWindows(tier, 1) }));
  let samples = 0;
  for (const one of series) {
    samples += await ingest.read(({ pipelines }) => addSeries(ingest, pipelines, one, window, books));
    if (samples > mostSamples && ends.length > 1) return null;
  }
  const yieldToEventLoop = createEventLoopYield();
  const points: FigurePoint[] = [];
  for (const book of books) {
    const share = book.tier.sample();
    await yieldToEventLoop();
    const [content] = share?.windows ?? [];
    const [knownTime] = share?.knownTime ?? [];
    points.push({
      end: book.end,
      figures:
        content && knownTime
          ? figuresOf(
              content,
              share?.coverage[0] ?? 0,
              knownSeconds(knownTime, window, book.end),
              policy,
              tier,
            )
          : null,
    });
  }
  return points;
}

/** Adds what each window holds of a series; returns the number of samples. */
async function addSeries(
  ingest: Ingest,
  pipelines: Reading['pipelines'],
  series: Ingredients,
  window: Window,
  books: readonly { readonly end: number; readonly tier: TierWindows }[],
): Promise<number> {
  const { member, deployments } = readSeries(ingest, pipelines, series);
  const longestSeconds = longestWindowSeconds(ingest.mode.policy);
  const replay = createWindowReplay({ window, longestSeconds, members: [member] });
  const yieldToEventLoop = createEventLoopYield();
  let samples = 0;
  let next = 0;
  const takeUntil = (at: number): void => {
    for (let book = books[next]; book && book.end < at; book = books[++next]) {
      const share = shareOf(replay.at(book.end).sample, member.knownSince, window, book.end);
      samples += share?.windows[0]?.samples.reduce((sum, { count }) => sum + count, 0) ?? 0;
      book.tier.exchange(null, share);
    }
  };
  for await (const slice of inKnownOrder(deployments, member.retainedSeconds - 1)) {
    for (const deployment of slice) {
      takeUntil(knownAt(deployment));
      if (next === books.length) return samples;
      replay.add(deployment);
    }
    await yieldToEventLoop();
  }
  takeUntil(Number.POSITIVE_INFINITY);
  return samples;
}

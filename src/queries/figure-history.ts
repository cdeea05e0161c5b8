/**
 * How figures developed: each series passes through its deployments, and each end of a window takes what was shown then.
 * The figures of a tier are added up as the metrics add them up.
 *
 * Guarantees: one history of a tier is computed at a time, in slices, and kept until the state changes. Memory is bounded: if
 * overlapping windows contain too many samples together, their ends are computed in parts.
 */

import type { FigureHistory, FigureHistoryRequest, FigurePoint } from '../core/figure-history.ts';
import type { Window } from '../core/policy.ts';
import { findSeries, type Ingredients, shownSeries } from '../core/series/shown-series.ts';
import { createTierWindow } from '../core/windows/tier-windows.ts';
import { figuresOf } from '../core/windows/window-figures.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { createKeptAnswers } from './kept-answers.ts';
import { readEach } from './read-each.ts';
import { sharesAt } from './window-share.ts';

/** Numbers that the windows of a history contain together. */
const mostSamples = 2_000_000;
const mostKept = 64;

export function createFigureHistory(ingest: Ingest): FigureHistory {
  const { state } = ingest;
  const version = () => state.version;
  // The history of one series does not wait for the long history of a tier.
  const ofTiers = createKeptAnswers<readonly FigurePoint[] | null>(version, mostKept);
  const ofSeries = createKeptAnswers<readonly FigurePoint[] | null>(version, mostKept);

  return (request) => {
    const { repo, tier, window, ends } = request;
    const key = JSON.stringify([repo?.toLowerCase(), tier, window.name, ends]);
    return (repo === null ? ofTiers : ofSeries)(key, () => historyOf(ingest, request));
  };
}

async function historyOf(
  ingest: Ingest,
  { repo, tier, window, ends }: FigureHistoryRequest,
): Promise<readonly FigurePoint[] | null> {
  const { state } = ingest;
  const series =
    repo === null
      ? [...shownSeries(state).values()].filter((one) => one.tier === tier)
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

/** `null` if the windows of several ends contain too many samples together. */
async function pointsOf(
  ingest: Ingest,
  series: readonly Ingredients[],
  tier: string,
  window: Window,
  ends: readonly number[],
): Promise<readonly FigurePoint[] | null> {
  const { policy } = ingest.mode;
  const yieldToEventLoop = createEventLoopYield();
  const books = ends.map((end) => ({ end, tier: createTierWindow() }));
  let samples = 0;
  const isTooMuch = () => samples > mostSamples && ends.length > 1;
  await readEach(ingest, series, async (one, pipelines) => {
    if (isTooMuch()) return;
    const shares = await sharesAt(ingest, one, window, ends, { pipelines, yieldToEventLoop });
    for (const [place, share] of shares.entries()) {
      samples += share?.samples.reduce((sum, { count }) => sum + count, 0) ?? 0;
      books[place]?.tier.exchange(null, share);
    }
    await yieldToEventLoop();
  });
  if (isTooMuch()) return null;
  const points: FigurePoint[] = [];
  for (const book of books) {
    const share = book.tier.sample();
    await yieldToEventLoop();
    points.push({
      end: book.end,
      figures: share && figuresOf(share, policy, tier, window, book.end),
    });
  }
  return points;
}

/** `/api/dora`: the figures of all tiers and pairs over a window, now or as they were, with their scores. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Window } from '../core/policy.ts';
import { edition, publishedMeans, scoreOf } from '../core/quick-check-score.ts';
import { nameKey } from '../core/repo.ts';
import type { SeriesSample } from '../core/series/samples.ts';
import type { ShownFigures } from '../core/shown-figures.ts';
import type { TierSample } from '../core/windows/tier-windows.ts';
import { figuresIn } from '../core/windows/window-figures.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { figuresJson, scoreJson, windowJson } from './api-answers.ts';
import type { ApiContext } from './api-context.ts';
import { toMinute, windowEnd } from './moment.ts';
import { readQuery, windowOf } from './query.ts';
import type { DoraHeadJson, PairFiguresJson, TierFiguresJson } from './schemas.ts';

const pairsAtOnce = 100;

/** `now` in Unix seconds. */
export const DoraQuery = (windows: readonly Window[], now: number) =>
  z.strictObject({
    window: windowOf(windows),
    at: windowEnd(now),
    tier: z.string().min(1).optional(),
    repo: z.string().min(1).optional(),
  });

export function doraRoute({ project, pastFigures, policy, windows, nowSeconds, noSuchSeries }: ApiContext) {
  const presentFigures = async (window: Window, now: number): Promise<ShownFigures> => ({
    projected: await project(now),
    figuresOf: (sample) => figuresIn(sample, policy, window, now),
  });

  return async (c: Context): Promise<Response> => {
    const now = nowSeconds();
    const query = readQuery(c, DoraQuery(windows, now));
    if (query instanceof Response) return query;
    const { window } = query;
    const at = query.at === undefined ? now : toMinute(query.at);
    const { projected, figuresOf } = await (query.at === undefined
      ? presentFigures(window, now)
      : pastFigures(window, at));
    const isWanted = ({ repo, tier }: { readonly repo?: string; readonly tier: string }) =>
      (query.tier === undefined || query.tier === tier) &&
      (query.repo === undefined || (repo !== undefined && nameKey(repo) === nameKey(query.repo)));
    const pairs = projected.series.filter(isWanted);
    if (pairs.length === 0 && (query.repo ?? query.tier) !== undefined) {
      // A series that is shown now may not have existed then.
      const known = query.at === undefined ? projected : await project(now);
      if (!known.series.some(isWanted)) return noSuchSeries(query);
    }
    const measure = (sample: SeriesSample | TierSample): Pick<PairFiguresJson, 'figures' | 'score'> => {
      const figures = figuresOf(sample);
      if (!figures) return { figures: null, score: null };
      return { figures: figuresJson(figures), score: scoreJson(scoreOf(figures, window)) };
    };
    const head: z.infer<typeof DoraHeadJson> = {
      window: windowJson(window, at),
      quick_check: { edition, published_means: publishedMeans },
    };
    const tiers = projected.tiers
      .filter(isWanted)
      .map((sample): z.infer<typeof TierFiguresJson> => ({ tier: sample.tier, ...measure(sample) }));
    const pairOf = (sample: SeriesSample): PairFiguresJson => ({
      repo: sample.repo,
      tier: sample.tier,
      ...measure(sample),
    });
    const body = ReadableStream.from(writeInPieces({ ...head, tiers }, 'pairs', pairs, pairOf));
    return new Response(body, { headers: { 'content-type': 'application/json' } });
  };
}

/** An object as JSON, with a last list whose items are made as they are written. */
async function* writeInPieces<T>(
  head: object,
  name: string,
  items: readonly T[],
  toJson: (item: T) => unknown,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const yieldToEventLoop = createEventLoopYield();
  yield encoder.encode(`${JSON.stringify(head).slice(0, -1)},${JSON.stringify(name)}:[`);
  for (let from = 0; from < items.length; from += pairsAtOnce) {
    const texts = items.slice(from, from + pairsAtOnce).map((item) => JSON.stringify(toJson(item)));
    yield encoder.encode(`${from === 0 ? '' : ','}${texts.join(',')}`);
    await yieldToEventLoop();
  }
  yield encoder.encode(']}\n');
}

/** `/api/dora`: the five figures of all tiers and pairs over a window, as in `/metrics`, with their scores. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { LooksFor, Policy, Window } from '../core/policy.ts';
import { edition, publishedMeans, scoreOf } from '../core/quick-check-score.ts';
import { nameKey } from '../core/repo.ts';
import type { Projected, SeriesSample } from '../core/series/samples.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import { figuresIn } from '../core/windows/window-figures.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { figuresJson, scoreJson, windowJson } from './api-answers.ts';
import { noSuchSeries } from './no-such-series.ts';
import { problem } from './problem.ts';
import { readQuery } from './query.ts';
import type { DoraHeadJson, PairFiguresJson, TierFiguresJson } from './schemas.ts';

const pairsAtOnce = 100;

export const DoraQuery = (windows: readonly Window[]) =>
  z.strictObject({
    window: z.enum(windows.map(({ name }) => name)),
    tier: z.string().min(1).optional(),
    repo: z.string().min(1).optional(),
  });

export interface DoraRouteDependencies {
  readonly project: (now: number) => Promise<Projected>;
  readonly policy: LooksFor & Pick<Policy, 'windows'>;
  readonly nowSeconds: () => number;
}

export function doraRoute({ project, policy, nowSeconds }: DoraRouteDependencies) {
  const { windows } = policy;
  return async (c: Context): Promise<Response> => {
    const query = readQuery(c, DoraQuery(windows));
    if (query instanceof Response) return query;
    const window = windows.find(({ name }) => name === query.window);
    if (!window) return problem(422);
    const now = nowSeconds();
    const projected = await project(now);
    const isWanted = ({ repo, tier }: { readonly repo?: string; readonly tier: string }) =>
      (query.tier === undefined || query.tier === tier) &&
      (query.repo === undefined || (repo !== undefined && nameKey(repo) === nameKey(query.repo)));
    const pairs = projected.series.filter(isWanted);
    if (pairs.length === 0 && (query.repo ?? query.tier) !== undefined) return noSuchSeries(projected, query);
    const measure = (share: TierShare | null, tier: string): Pick<PairFiguresJson, 'figures' | 'score'> => {
      const figures = figuresIn(share, policy, tier, window, now);
      if (!figures) return { figures: null, score: null };
      return { figures: figuresJson(figures), score: scoreJson(scoreOf(figures, window)) };
    };
    const head: z.infer<typeof DoraHeadJson> = {
      window: windowJson(window, now),
      quick_check: { edition, published_means: publishedMeans },
    };
    const tiers = projected.tiers.filter(isWanted).map(
      (sample): z.infer<typeof TierFiguresJson> => ({
        tier: sample.tier,
        ...measure(sample, sample.tier),
      }),
    );
    const pairOf = ({ repo, tier, windows: share }: SeriesSample): PairFiguresJson => ({
      repo,
      tier,
      ...measure(share, tier),
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

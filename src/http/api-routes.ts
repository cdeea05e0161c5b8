/**
 * `/api`: the figures as JSON, and where they come from. Read-only, and the same figures as `/metrics`.
 *
 * Guarantees: an answer is bounded or written piece by piece, so that no size of it holds up the event loop.
 */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Explain, ExplainRequest, Explanation } from '../core/explain.ts';
import type { ListIncidents } from '../core/failures/listed-incident.ts';
import type { FigureHistory } from '../core/figure-history.ts';
import type { ShowOverview } from '../core/overview.ts';
import type { LooksFor, Policy, Window } from '../core/policy.ts';
import { edition, publishedMeans, scoreOf } from '../core/quick-check-score.ts';
import { nameKey } from '../core/repo.ts';
import type { Projected, Projection, SeriesSample } from '../core/series/samples.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import { figuresIn } from '../core/windows/window-figures.ts';
import { renderExplanation } from '../pages/explain-page.ts';
import { pageHeaders } from '../pages/page.ts';
import type { Status } from '../pages/status.ts';
import { createEventLoopYield } from '../util/clock.ts';
import {
  explanationJson,
  figuresJson,
  incidentsJson,
  nextOf,
  scoreJson,
  toPlace,
  windowJson,
} from './api-answers.ts';
import { historyRoute } from './history-route.ts';
import { json } from './json.ts';
import { moment } from './moment.ts';
import { overviewRoute } from './overview-route.ts';
import { problem } from './problem.ts';
import { readQuery } from './query.ts';
import type { DoraHeadJson, PairFiguresJson, TierFiguresJson } from './schemas.ts';

export interface ApiDependencies {
  readonly projection: Projection;
  readonly explain: Explain;
  readonly history: FigureHistory;
  readonly overview: ShowOverview;
  readonly listIncidents: ListIncidents;
  readonly policy: LooksFor & Pick<Policy, 'windows'>;
  readonly nowSeconds: () => number;
  /** Another number after every change of what is stored. */
  readonly stateVersion: () => number;
}

const usualLimit = 500;
const longestList = 1_000;
/** How many pipelines a page for people lists. */
const pageLimit = 200;
const mostChoices = 20;
const pairsAtOnce = 100;

const Limit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, `Expected a number from 1 to ${longestList}`)
  .transform(Number)
  .refine((limit) => limit <= longestList, `Expected a number from 1 to ${longestList}`);

/** What `/api/explain` and `/explain` take: the first window where none is given. `now` in Unix seconds. */
export const ExplainQuery = (windows: readonly Window[], now: number) =>
  z.strictObject({
    repo: z.string().min(1),
    tier: z.string().min(1),
    window: z.enum(windows.map(({ name }) => name)).default(windows[0]?.name ?? ''),
    at: moment(now)
      .refine((at) => at >= 0 && at <= now, 'Expected a time from 1970 to now')
      .optional(),
    limit: Limit.optional(),
    before: z
      .string()
      .regex(/^\d{1,12}\.\d{1,15}\.\d{1,15}$/, 'Expected what "next" of an earlier answer has')
      .optional(),
  });

/** What `/api/dora` takes. */
export const DoraQuery = (windows: readonly Window[]) =>
  z.strictObject({
    window: z.enum(windows.map(({ name }) => name)),
    tier: z.string().min(1).optional(),
    repo: z.string().min(1).optional(),
  });

/** What `/api/incidents` takes. */
export const IncidentsQuery = z.strictObject({
  repo: z.string().min(1).optional(),
  tier: z.string().min(1).optional(),
  open: z.enum(['true', 'false']).optional(),
  limit: Limit.optional(),
});

export function apiRoutes(
  {
    projection,
    explain,
    history,
    overview,
    listIncidents,
    policy,
    nowSeconds,
    stateVersion,
  }: ApiDependencies,
  status: () => Promise<Status>,
) {
  const { windows } = policy;

  const project = async (now: number): Promise<Projected> => {
    await projection.prepare(now, createEventLoopYield());
    return projection.at(now);
  };

  /** What `request` asks for, with `limit` where it does not say; a problem where it cannot be answered. */
  const answer = async (c: Context, limit: number): Promise<Explanation | Response> => {
    const now = nowSeconds();
    const query = readQuery(c, ExplainQuery(windows, now));
    if (query instanceof Response) return query;
    const window = windows.find(({ name }) => name === query.window);
    if (!window) return problem(422);
    const request: ExplainRequest = {
      repo: query.repo,
      tier: query.tier,
      window,
      at: query.at ?? now,
      before: query.before === undefined ? null : toPlace(query.before),
      limit: query.limit ?? limit,
    };
    return (await explain(request)) ?? noSuchSeries(await project(now), query);
  };

  return {
    async explain(c: Context): Promise<Response> {
      const explanation = await answer(c, usualLimit);
      if (explanation instanceof Response) return explanation;
      return json(explanationJson(explanation, c.req.query('limit')));
    },

    async explainPage(c: Context): Promise<Response> {
      const explanation = await answer(c, pageLimit);
      if (explanation instanceof Response) return explanation;
      const isOfNow = c.req.query('at') === undefined;
      const page = await renderExplanation(explanation, {
        windows,
        older: nextOf(explanation, c.req.query('limit')),
        isOfNow,
      });
      return c.body(page, 200, pageHeaders);
    },

    overview: overviewRoute({
      stateVersion,
      overview,
      status,
      windows,
      nowSeconds,
      noSuchTier: async (tier) => noSuchSeries(await project(nowSeconds()), { tier }),
    }),

    history: historyRoute({
      history,
      windows,
      nowSeconds,
      noSuchSeries: async (query) => noSuchSeries(await project(nowSeconds()), query),
    }),

    async incidents(c: Context): Promise<Response> {
      const query = readQuery(c, IncidentsQuery);
      if (query instanceof Response) return query;
      const { repo, tier, open, limit = usualLimit } = query;
      const list = await listIncidents({ repo, tier, isOpen: open === 'true', limit, now: nowSeconds() });
      return json(incidentsJson(list));
    },

    async dora(c: Context): Promise<Response> {
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
      if (pairs.length === 0 && (query.repo ?? query.tier) !== undefined)
        return noSuchSeries(projected, query);
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
    },
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

/** 404, with the tiers of the repo where that is known, else with names of repos, those like the one asked for first. */
function noSuchSeries(
  { series }: Projected,
  { repo, tier }: { readonly repo?: string | undefined; readonly tier?: string | undefined },
): Response {
  const choose = (path: string, values: readonly string[]) => {
    const known = [...new Set(values)];
    const shown = known.slice(0, mostChoices).join(', ');
    const more = known.length > mostChoices ? ` and ${known.length - mostChoices} more` : '';
    const message = known.length === 0 ? 'There are none yet' : `Expected one of ${shown}${more}`;
    return problem(404, { detail: `No such ${path}`, errors: [{ path, message }] });
  };
  if (repo === undefined) return choose('tier', series.map((sample) => sample.tier).sort());
  const ofRepo = series.filter((sample) => nameKey(sample.repo) === nameKey(repo));
  if (ofRepo.length > 0 && tier !== undefined) {
    return choose(
      'tier',
      ofRepo.map((sample) => sample.tier),
    );
  }
  const lastPart = nameKey(repo.slice(repo.lastIndexOf('/') + 1));
  const names = series.map((sample) => sample.repo);
  const isLike = (name: string) => nameKey(name).includes(lastPart);
  return choose('repo', [...names.filter(isLike), ...names]);
}

/** `/api/explain` and `/explain`: the pipelines behind the figures of a repo and tier, as JSON and as a page. */

import type { Context } from 'hono';
import { z } from 'zod';
import { listings } from '../core/explain.ts';
import { earlierEnds } from '../core/figure-history.ts';
import type { Window } from '../core/policy.ts';
import { renderExplanation } from '../pages/explain-page.ts';
import { pageHeaders } from '../pages/page.ts';
import { explanationJson, nextOf, toPlace } from './api-answers.ts';
import type { ApiContext } from './api-context.ts';
import { json } from './json.ts';
import { windowEnd } from './moment.ts';
import { Limit, readQuery, usualLimit, windowOf } from './query.ts';

/** Number of pipelines on the page. */
const pageLimit = 200;

/** Schema of the query; the default is the first window. `now`: Unix seconds. */
export const ExplainQuery = (windows: readonly Window[], now: number) =>
  z.strictObject({
    repo: z.string().min(1),
    tier: z.string().min(1),
    window: windowOf(windows, windows[0]),
    at: windowEnd(now),
    show: z.enum(listings).default('everything'),
    limit: Limit.optional(),
    before: z
      .string()
      .regex(/^\d{1,12}\.\d{1,15}\.\d{1,15}$/, 'Expected what "next" of an earlier answer has')
      .optional(),
  });

export function explainRoutes({ explain, history, windows, nowSeconds, noSuchSeries }: ApiContext) {
  /** The explanation for a query, and the query for the rest of its list. `limit`: for a query without one. */
  const answer = async (c: Context, limit: number) => {
    const now = nowSeconds();
    const query = readQuery(c, ExplainQuery(windows, now));
    if (query instanceof Response) return query;
    const { repo, tier, show, window } = query;
    const explanation = await explain({
      ...{ repo, tier, window, show, at: query.at ?? now, limit: query.limit ?? limit },
      before: query.before === undefined ? null : toPlace(query.before),
    });
    if (!explanation) return noSuchSeries(query);
    const asked = { show, limit: query.limit };
    return { explanation, show, isOfNow: query.at === undefined, next: nextOf(explanation, asked) };
  };

  return {
    async asJson(c: Context): Promise<Response> {
      const found = await answer(c, usualLimit);
      return found instanceof Response ? found : json(explanationJson(found.explanation, found.next));
    },

    async asPage(c: Context): Promise<Response> {
      const found = await answer(c, pageLimit);
      if (found instanceof Response) return found;
      const { explanation, show, isOfNow, next } = found;
      const { repo, tier, window, at } = explanation;
      const points = await history({ repo, tier, window, ends: earlierEnds(window, at, isOfNow, 1) });
      const before = points?.at(-1)?.figures ?? null;
      const page = await renderExplanation(explanation, { windows, older: next, isOfNow, show, before });
      return c.body(page, 200, pageHeaders);
    },
  };
}

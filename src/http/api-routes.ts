/**
 * `/api` and the pages: the figures, and where they come from. Read-only, and the same figures as `/metrics`.
 *
 * Guarantees: an answer is bounded or written piece by piece, so that no size of it holds up the event loop.
 */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Explain } from '../core/explain.ts';
import type { ListIncidents } from '../core/failures/listed-incident.ts';
import type { FigureHistory } from '../core/figure-history.ts';
import type { ShowOverview } from '../core/overview.ts';
import type { LooksFor, Policy } from '../core/policy.ts';
import type { Projected, Projection } from '../core/series/samples.ts';
import type { ShowPastFigures } from '../core/shown-figures.ts';
import type { Status } from '../pages/status.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { incidentsJson } from './api-answers.ts';
import { doraRoute } from './dora-route.ts';
import { explainRoutes } from './explain-route.ts';
import { historyRoute } from './history-route.ts';
import { json } from './json.ts';
import { Limit, usualLimit } from './list-limit.ts';
import { noSuchSeries as noneOf } from './no-such-series.ts';
import { overviewRoute } from './overview-route.ts';
import { readQuery } from './query.ts';

export interface ApiDependencies {
  readonly projection: Projection;
  readonly explain: Explain;
  readonly history: FigureHistory;
  readonly overview: ShowOverview;
  readonly pastFigures: ShowPastFigures;
  readonly listIncidents: ListIncidents;
  readonly policy: LooksFor & Pick<Policy, 'windows'>;
  readonly nowSeconds: () => number;
  /** Another number after every change of what is stored. */
  readonly stateVersion: () => number;
}

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
    pastFigures,
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
  const noSuchSeries = async (query: Parameters<typeof noneOf>[1]): Promise<Response> =>
    noneOf(await project(nowSeconds()), query);
  const explaining = explainRoutes({ explain, history, windows, nowSeconds, noSuchSeries });

  return {
    explain: explaining.asJson,
    explainPage: explaining.asPage,
    overview: overviewRoute({
      ...{ stateVersion, overview, status, windows, nowSeconds },
      noSuchTier: (tier) => noSuchSeries({ tier }),
    }),
    history: historyRoute({ history, windows, nowSeconds, stateVersion, noSuchSeries }),
    dora: doraRoute({ project, pastFigures, policy, nowSeconds }),

    async incidents(c: Context): Promise<Response> {
      const query = readQuery(c, IncidentsQuery);
      if (query instanceof Response) return query;
      const { repo, tier, open, limit = usualLimit } = query;
      const list = await listIncidents({ repo, tier, isOpen: open === 'true', limit, now: nowSeconds() });
      return json(incidentsJson(list));
    },
  };
}

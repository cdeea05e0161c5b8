/** `/api/incidents`: the incidents of a repo and tier, or of all. */

import type { Context } from 'hono';
import { z } from 'zod';
import { incidentsJson } from './api-answers.ts';
import type { ApiContext } from './api-context.ts';
import { json } from './json.ts';
import { Limit, readQuery, usualLimit } from './query.ts';

export const IncidentsQuery = z.strictObject({
  repo: z.string().min(1).optional(),
  tier: z.string().min(1).optional(),
  open: z.enum(['true', 'false']).optional(),
  limit: Limit.optional(),
});

export function listIncidentsRoute({ listIncidents, nowSeconds }: ApiContext) {
  return async (c: Context): Promise<Response> => {
    const query = readQuery(c, IncidentsQuery);
    if (query instanceof Response) return query;
    const { repo, tier, open, limit = usualLimit } = query;
    const list = await listIncidents({ repo, tier, isOpen: open === 'true', limit, now: nowSeconds() });
    return json(incidentsJson(list));
  };
}

/** `/incidents/{id}` and `/deployments/{repo}/{number}/mark`: an operator withdraws incidents, and marks deployments. */

import type { Context } from 'hono';
import { z } from 'zod';
import { markKinds, type OperatorMark, type StoredMark } from '../core/failures/operator-mark.ts';
import type { MarkedPlace } from '../ingest/requests/marks.ts';
import { TierName, Time, toTitle } from '../sources/incident-bodies.ts';
import type { Incidents } from '../sources/incidents.ts';
import { aheadErrors } from '../sources/times-ahead.ts';
import { iso } from '../util/moment.ts';
import { json } from './json.ts';
import { problem } from './problem.ts';
import { readQuery } from './query.ts';
import { createFieldsReader } from './request-body.ts';
import type { MarkJson } from './schemas.ts';

export const MarkBody = z
  .strictObject({
    mark: z.enum(markKinds),
    recovered: Time.nullish().describe('End of the failure; only with the mark failed'),
    reason: z.string().nullish(),
  })
  .refine(({ mark, recovered }) => mark === 'failed' || recovered == null, {
    path: ['recovered'],
    message: 'Expected no time unless the mark is failed',
  });

export const MarkQuery = z.strictObject({ tier: TierName.min(1) });

export function incidentRoutes(incidents: Incidents, nowSeconds: () => number) {
  const readFields = createFieldsReader();
  return {
    async withdraw(c: Context): Promise<Response> {
      const isWithdrawn = await incidents.withdraw(c.req.param('id') ?? '');
      return isWithdrawn ? noContent() : problem(404, { detail: 'No such incident' });
    },

    async mark(c: Context): Promise<Response> {
      const request = readMarkRequest(c);
      if (request instanceof Response) return request;
      const fields = await readFields(c.req.raw, MarkBody);
      if (fields instanceof Response) return fields;
      const { mark: kind, recovered, reason } = fields;
      const errors = aheadErrors({ recovered }, nowSeconds());
      if (errors.length > 0) return problem(422, { detail: 'Body is not as expected', errors });
      const mark: OperatorMark = kind === 'failed' ? { kind, recoveredAt: recovered ?? null } : { kind };
      const stored = await incidents.mark(request, mark, toTitle(reason));
      if (stored === 'no_pipeline') return noPipeline();
      if (stored === 'limit') return problem(422, { detail: 'There are too many marks' });
      return json(markJson(request, stored));
    },

    async unmark(c: Context): Promise<Response> {
      const request = readMarkRequest(c);
      if (request instanceof Response) return request;
      return (await incidents.unmark(request)) ? noContent() : noPipeline();
    },
  };
}

function readMarkRequest(c: Context): MarkedPlace | Response {
  const number = Number(c.req.param('number'));
  if (!Number.isSafeInteger(number)) return noPipeline();
  const query = readQuery(c, MarkQuery);
  return query instanceof Response ? query : { repo: c.req.param('repo') ?? '', number, tier: query.tier };
}

function markJson({ repo, number, tier }: MarkedPlace, { mark, reason, markedAt }: StoredMark): MarkJson {
  const recoveredAt = mark.kind === 'failed' ? mark.recoveredAt : null;
  return {
    repo,
    number,
    tier,
    mark: mark.kind,
    recovered: recoveredAt === null ? null : iso(recoveredAt),
    reason,
    marked: iso(markedAt),
  };
}

function noPipeline(): Response {
  return problem(404, { detail: 'No such pipeline' });
}

function noContent(): Response {
  return new Response(null, { status: 204 });
}

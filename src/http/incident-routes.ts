/** `/incidents/{id}` and `/deployments/{repo}/{number}/mark`: an operator withdraws incidents, and marks deployments. */

import type { Context } from 'hono';
import { z } from 'zod';
import { markKinds, type OperatorMark, type StoredMark } from '../core/failures/operator-mark.ts';
import type { MarkedPlace } from '../ingest/requests/marks.ts';
import { aheadErrors, TierName, Time, toTitle } from '../sources/incident-bodies.ts';
import type { Incidents } from '../sources/incidents.ts';
import { iso } from '../util/moment.ts';
import { parseFields } from '../util/validate.ts';
import { createBodyReader } from './body-reader.ts';
import { json } from './json.ts';
import { problem } from './problem.ts';
import { receiveBytes, receiveJson } from './request-body.ts';
import type { MarkJson } from './schemas.ts';

const largestBodyBytes = 64 * 1024;
/** Most bodies above 32 KiB that may arrive at the same time. */
const seats = 8;

export const MarkBody = z
  .strictObject({
    mark: z.enum(markKinds),
    recovered: Time.nullish().describe('When users were served again; of a deployment marked failed alone'),
    reason: z.string().nullish(),
  })
  .refine(({ mark, recovered }) => mark === 'failed' || recovered == null, {
    path: ['recovered'],
    message: 'Expected no time unless the mark is failed',
  });

export const MarkQuery = z.strictObject({ tier: TierName.min(1) });

export function incidentRoutes(incidents: Incidents, nowSeconds: () => number) {
  const reader = createBodyReader(seats);
  return {
    async withdraw(c: Context): Promise<Response> {
      const isWithdrawn = await incidents.withdraw(c.req.param('id') ?? '');
      return isWithdrawn ? noContent() : problem(404, { detail: 'No such incident' });
    },

    async mark(c: Context): Promise<Response> {
      const request = readMarkRequest(c);
      if (request instanceof Response) return request;
      const bytes = await receiveBytes(c.req.raw, reader, largestBodyBytes);
      if (!bytes.ok) return bytes.answer;
      const body = receiveJson(bytes.value);
      if (!body.ok) return body.answer;
      const parsed = parseFields(MarkBody, body.value);
      const errors = parsed.ok
        ? aheadErrors({ recovered: parsed.value.recovered }, nowSeconds())
        : parsed.errors;
      if (!parsed.ok || errors.length > 0) return problem(422, { detail: 'Body is not as expected', errors });
      const { mark: kind, recovered, reason } = parsed.value;
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
  const query = parseFields(MarkQuery, c.req.query());
  if (!query.ok) return problem(422, { detail: 'Query is not as expected', errors: query.errors });
  return { repo: c.req.param('repo') ?? '', number, tier: query.value.tier };
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

/** `/backfill`: an operator starts a backfill, and reads its progress. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Backfill, BackfillRequest, BackfillSummary } from '../sources/backfill.ts';
import { parseFields } from '../util/validate.ts';
import { type BodyReader, createBodyReader } from './body-reader.ts';
import { json } from './json.ts';
import { moment } from './moment.ts';
import { problem } from './problem.ts';
import { receiveBytes, receiveJson } from './request-body.ts';

const largestBodyBytes = 64 * 1024;
/** Most bodies above 32 KiB that may arrive at the same time. */
const seats = 8;

/** Schema of the body. `now`: Unix seconds. */
export const BackfillBody = (now: number) =>
  z
    .strictObject({
      // 0 means all, as in `DORA_BACKFILL_HISTORY`.
      since: moment(now, 0)
        .refine((since) => since <= now, { message: 'Expected a time that is not in the future' })
        .nullish()
        .describe('A time, an age such as 180d, or 0 for all; DORA_BACKFILL_HISTORY where not given'),
      until: moment(now).nullish().describe('A time, or an age such as 7d; now where not given'),
      repos: z.array(z.string().min(1)).min(1).nullish(),
      dry_run: z.boolean().nullish(),
    })
    .refine(({ since, until }) => since == null || until == null || since <= until, {
      path: ['until'],
      message: 'Expected a time that is not before "since"',
    });

export function backfillRoutes(backfill: Backfill, nowSeconds: () => number) {
  const reader = createBodyReader(seats);
  return {
    async start(c: Context): Promise<Response> {
      const request = await readRequest(c.req.raw, reader, nowSeconds());
      if (request instanceof Response) return request;
      const started = await backfill.start(request);
      if (!started.ok) return refuse(started.runningId);
      const location = `/backfill/${started.id}`;
      if (c.req.query('wait') === 'true') return waitFor(started.done, location);
      return json(await backfill.get(started.id), 202, { location });
    },
    async list(): Promise<Response> {
      return json(await backfill.list());
    },
    async show(c: Context): Promise<Response> {
      const summary = await backfill.get(c.req.param('id') ?? '');
      return summary ? json(summary) : problem(404, { detail: 'No such backfill' });
    },
  };
}

async function waitFor(done: Promise<BackfillSummary>, location: string): Promise<Response> {
  try {
    return json(await done, 200, { location });
  } catch {
    const detail = 'Backfill was interrupted; the pipelines that it has read are stored';
    return problem(503, { detail, headers: { location, 'retry-after': '5' } });
  }
}

async function readRequest(
  raw: Request,
  reader: BodyReader,
  now: number,
): Promise<BackfillRequest | Response> {
  const bytes = await receiveBytes(raw, reader, largestBodyBytes);
  if (!bytes.ok) return bytes.answer;
  const body = bytes.value.length === 0 ? ({ ok: true, value: {} } as const) : receiveJson(bytes.value);
  if (!body.ok) return body.answer;
  const parsed = parseFields(BackfillBody(now), body.value);
  if (!parsed.ok) return problem(422, { detail: 'Body is not as expected', errors: parsed.errors });
  const { since, until, repos, dry_run } = parsed.value;
  return { since: since ?? null, until: until ?? null, repos: repos ?? null, isDry: dry_run ?? false };
}

function refuse(runningId: string | null): Response {
  if (runningId === null) {
    return problem(409, {
      detail: 'There is no Woodpecker to read from: set DORA_WOODPECKER_URL and DORA_WOODPECKER_TOKEN',
    });
  }
  const location = `/backfill/${runningId}`;
  return problem(409, { detail: `Backfill ${runningId} is running`, headers: { location } });
}

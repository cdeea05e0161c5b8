/** `/backfill`: an operator starts a backfill, and reads its progress. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Backfill, BackfillSummary } from '../sources/backfill.ts';
import { json } from './json.ts';
import { moment } from './moment.ts';
import { problem } from './problem.ts';
import { createFieldsReader } from './request-body.ts';

/** Schema of the body. `now`: Unix seconds. */
export const BackfillBody = (now: number) =>
  z
    .strictObject({
      // 0 means all, as in `DORA_BACKFILL_HISTORY`.
      since: moment(now, 0)
        .refine((since) => since <= now, { message: 'Expected a time that is not in the future' })
        .nullish()
        .describe('A time, an age such as 180d, or 0 for all; by default DORA_BACKFILL_HISTORY'),
      until: moment(now).nullish().describe('A time, or an age such as 7d; by default now'),
      repos: z.array(z.string().min(1)).min(1).nullish(),
      dry_run: z.boolean().nullish(),
    })
    .refine(({ since, until }) => since == null || until == null || since <= until, {
      path: ['until'],
      message: 'Expected a time that is not before "since"',
    });

export function backfillRoutes(backfill: Backfill, nowSeconds: () => number) {
  const readFields = createFieldsReader({ mayBeEmpty: true });
  return {
    async start(c: Context): Promise<Response> {
      const fields = await readFields(c.req.raw, BackfillBody(nowSeconds()));
      if (fields instanceof Response) return fields;
      const { since = null, until = null, repos = null, dry_run: isDry } = fields;
      const started = await backfill.start({ since, until, repos, isDry: isDry ?? false });
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

function refuse(runningId: string | null): Response {
  if (runningId === null) {
    return problem(409, {
      detail: 'There is no Woodpecker to read from: set DORA_WOODPECKER_URL and DORA_WOODPECKER_TOKEN',
    });
  }
  const location = `/backfill/${runningId}`;
  return problem(409, { detail: `Backfill ${runningId} is running`, headers: { location } });
}

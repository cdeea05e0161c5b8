/** Judges series again whose judgement changes with time alone: an alert grows stale, a recovery lay ahead. */

import type { Projection } from '../core/series/samples.ts';
import { type Ingest, StoreUnavailable } from './ingest.ts';

/** The projection, with all that is due judged before it is looked at. */
export function judgedInTime(projection: Projection, ingest: Ingest): Projection {
  return {
    at: projection.at,
    async prepare(now, breathe) {
      await judgeDue(ingest, now);
      await projection.prepare(now, breathe);
    },
  };
}

/** `now` in Unix seconds. If the store fails, the judgement stays as it was. */
async function judgeDue(ingest: Ingest, now: number): Promise<void> {
  if (ingest.state.judgedUntil > now) return;
  try {
    await ingest.submit(async (uow) => uow.judgeAgain());
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
  }
}

/** Judges series again if time alone changes their judgement: an alert gets stale, a recovery lay in the future. */

import type { Projection } from '../core/series/samples.ts';
import { recover } from '../util/recover.ts';
import { type Ingest, StoreUnavailable } from './ingest.ts';

/** The projection; it first judges the series that are due. */
export function judgedInTime(projection: Projection, ingest: Ingest): Projection {
  return {
    async prepared(now, yieldToEventLoop) {
      await judgeDue(ingest, now);
      return projection.prepared(now, yieldToEventLoop);
    },
  };
}

/** Judges the series that are due at `now` (Unix seconds). If the store fails, the judgement stays as it was. */
async function judgeDue(ingest: Ingest, now: number): Promise<void> {
  if (ingest.state.judgedUntil > now) return;
  await recover(ingest.submit({ kind: 'judgeDue' }), StoreUnavailable, () => undefined);
}

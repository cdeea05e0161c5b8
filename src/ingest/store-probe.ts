/** Checks if the service could store a webhook now. Only a commit finds a full disk or a lost file. */

import { type Clock, nowSeconds } from '../util/clock.ts';
import { recover } from '../util/recover.ts';
import { type Ingest, StoreUnavailable } from './ingest.ts';

/** Anybody may ask for readiness, and each commit costs a write. */
const leastSecondsBetween = 1;

/** Returns a function that says why the store cannot commit; `null`: it can. A known fault is tried again at once. */
export function createStoreProbe(ingest: Ingest, clock: Clock): () => Promise<string | null> {
  let triedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = nowSeconds(clock);
    if (ingest.fault === null && now - triedAt < leastSecondsBetween) return null;
    triedAt = now;
    const fault = await recover(ingest.submit({ kind: 'probe' }), StoreUnavailable, ({ message }) => message);
    return fault ?? null;
  };
}

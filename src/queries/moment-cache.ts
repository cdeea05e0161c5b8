/**
 * The moments that readers ask for, of now and of the past.
 *
 * Guarantees: of the past, one moment is worked out at a time, and a few are kept until the state changes.
 */

import type { Policy, Window } from '../core/policy.ts';
import type { Projection } from '../core/series/samples.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createQueue } from '../util/serial-queue.ts';
import { type Moment, pastMoment } from './moments.ts';
import { presentMoment } from './present-moment.ts';

export interface Moments {
  now(window: Window): Promise<Moment>;
  /** `at`: Unix seconds. Rejects with `StoreUnavailable`. */
  past(window: Window, at: number): Promise<Moment>;
}

export interface MomentsOptions {
  readonly ingest: Ingest;
  /** Its windows are those of the projection. */
  readonly policy: Policy;
  readonly projection: Projection;
  /** Unix seconds. */
  readonly now: () => number;
}

const mostPast = 4;

export function createMoments({ ingest, policy, projection, now }: MomentsOptions): Moments {
  const { state } = ingest;
  const present = new Map<string, Moment>();
  const past = new Map<string, Promise<Moment>>();
  let pastVersion = -1;
  // One after the other: each holds the deployments of a series at a time, and the figures of all.
  const queue = createQueue();

  return {
    async now(window) {
      const before = present.get(window.name);
      const moment = await presentMoment({ state, projection, policy, window, now: now(), before });
      present.set(window.name, moment);
      return moment;
    },

    past(window, at) {
      if (pastVersion !== state.version) past.clear();
      pastVersion = state.version;
      const key = `${window.name} ${at}`;
      const known = past.get(key);
      if (known) return known;
      const moment = queue.run(() => pastMoment(ingest, window, at));
      past.set(key, moment);
      moment.catch(() => past.delete(key));
      const [oldest] = past.keys();
      if (past.size > mostPast && oldest !== undefined) past.delete(oldest);
      return moment;
    },
  };
}

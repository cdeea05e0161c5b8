/**
 * The moments that readers ask for, of now and of the past.
 *
 * Guarantees: one moment of the past is computed at a time, and a few are kept until the state changes.
 */

import type { Policy, Window } from '../core/policy.ts';
import type { Projection } from '../core/series/samples.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { createKeptAnswers } from './kept-answers.ts';
import { type Moment, pastMoment } from './moments.ts';
import { presentMoment } from './present-moment.ts';

export interface Moments {
  now(window: Window): Promise<Moment>;
  /** `at`: Unix seconds. Rejects with `StoreUnavailable`. */
  past(window: Window, at: number): Promise<Moment>;
}

export interface MomentsOptions {
  readonly ingest: Ingest;
  /** It has the same windows as the projection. */
  readonly policy: Policy;
  readonly projection: Projection;
  /** Unix seconds. */
  readonly now: () => number;
}

const mostPast = 4;

export function createMoments({ ingest, policy, projection, now }: MomentsOptions): Moments {
  const { state } = ingest;
  const present = new Map<string, Moment>();
  const past = createKeptAnswers<Moment>(() => state.version, mostPast);

  return {
    async now(window) {
      const before = present.get(window.name);
      const moment = await presentMoment({ state, projection, policy, window, now: now(), before });
      present.set(window.name, moment);
      return moment;
    },

    past: (window, at) => past(`${window.name} ${at}`, () => pastMoment(ingest, window, at)),
  };
}

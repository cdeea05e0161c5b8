/**
 * The moments that readers ask for, of now and of the past.
 *
 * Guarantees: one moment of the past is computed at a time, and a few are kept until the state changes.
 */

import type { Deployment } from '../core/deployment.ts';
import { failedPart } from '../core/failed-part.ts';
import type { Stop } from '../core/parts.ts';
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
  /** The place where each deployment failed; `null`: unknown. Rejects with `StoreUnavailable`. */
  failedParts(deployments: readonly SeriesDeployment[]): Promise<readonly (Stop | null)[]>;
}

export interface SeriesDeployment {
  readonly repo: string;
  readonly tier: string;
  /** `null`: there is none. */
  readonly deployment: Deployment | null;
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

    failedParts: (deployments) =>
      ingest.read(async ({ pipelines }) => {
        const parts: (Stop | null)[] = [];
        for (const { repo, tier, deployment } of deployments) {
          const failed = deployment?.verdict.causes.includes('pipeline') ? deployment : null;
          const stored = failed && (await pipelines.get(failed.repo, failed.number));
          parts.push(stored && failedPart(policy, repo, tier, stored.record));
        }
        return parts;
      }),
  };
}

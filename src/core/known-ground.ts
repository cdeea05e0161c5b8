/**
 * Known ground: the time for which a repo's pipelines are known without a gap.
 *
 * Beyond it, only the search for older outcomes reads pipelines, and it does not find all of them. They update the last
 * outcomes and the open failure, and nothing else: they are in no window and no counter, and begin no recovery. Once a
 * backfill covers their time, they count.
 */

import type { Deployment } from './deployment.ts';
import type { Repo } from './repo.ts';

export interface KnownGround {
  /** Unix seconds; `null`: no time is known without a gap. */
  readonly since: number | null;
  /** Whether deployments beyond it count, too: they do if there is no search, since all of them were then posted. */
  readonly countsBeyond: boolean;
}

export const everything: KnownGround = { since: Number.NEGATIVE_INFINITY, countsBeyond: true };

/** Without a horizon, the service has never read the repo from Woodpecker: no search has found its pipelines. */
export function knownGroundOf({ horizon, knownSince }: Pick<Repo, 'horizon' | 'knownSince'>): KnownGround {
  return { since: knownSince, countsBeyond: horizon === null || knownSince === null };
}

export function isSameGround(a: KnownGround, b: KnownGround): boolean {
  return a.since === b.since && a.countsBeyond === b.countsBeyond;
}

export function isOnKnownGround({ since }: KnownGround, { at }: Pick<Deployment, 'at'>): boolean {
  return since !== null && at > since;
}

/** Whether windows, counters and recoveries include the deployment. */
export function counts(ground: KnownGround, deployment: Pick<Deployment, 'at'>): boolean {
  return ground.countsBeyond || isOnKnownGround(ground, deployment);
}

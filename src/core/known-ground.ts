/**
 * Known ground: the time of which a repo's pipelines are known without a gap.
 *
 * Beyond it, only the search for older outcomes has looked, which finds some pipelines and not others. What it finds
 * updates the last outcomes and the open failure, and nothing else: it is in no window and no counter, and starts no
 * recovery. A backfill that covers more time makes what lies there count.
 */

import type { Deployment } from './deployment.ts';
import type { Repo } from './repo.ts';

export interface KnownGround {
  /** Unix seconds; `null`: no time is known without a gap. */
  readonly since: number | null;
  /** Whether deployments beyond it count all the same: if nobody searches, all that was posted does. */
  readonly countsBeyond: boolean;
}

export const everything: KnownGround = { since: Number.NEGATIVE_INFINITY, countsBeyond: true };

/** Only a repo with a horizon was ever read from Woodpecker, and searched beyond it. */
export function knownGroundOf({ horizon, knownSince }: Pick<Repo, 'horizon' | 'knownSince'>): KnownGround {
  return { since: knownSince, countsBeyond: horizon === null || knownSince === null };
}

export function isSameGround(a: KnownGround, b: KnownGround): boolean {
  return a.since === b.since && a.countsBeyond === b.countsBeyond;
}

export function isOnKnownGround({ since }: KnownGround, { at }: Pick<Deployment, 'at'>): boolean {
  return since !== null && at > since;
}

/** Whether windows, counters and recoveries take the deployment in. */
export function counts(ground: KnownGround, deployment: Pick<Deployment, 'at'>): boolean {
  return ground.countsBeyond || isOnKnownGround(ground, deployment);
}

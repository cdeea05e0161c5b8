/** When a series last had a deployment, and which repo deployed last. */

import { stateOf } from '../figures/fold.ts';
import { lastOutcome } from '../figures/last-outcome.ts';
import type { Repo } from '../repo.ts';
import type { Timeline } from './timeline.ts';

/**
 * `lastAt`: Unix seconds of a repo's last deployment. A tie goes to the higher Woodpecker id. `null` if there is no
 * repo.
 */
export function lastDeployedOf(repos: readonly Repo[], lastAt: (repo: Repo) => number): Repo | null {
  const isLater = (one: Repo, other: Repo): boolean => {
    const difference = lastAt(one) - lastAt(other);
    return difference > 0 || (difference === 0 && (one.woodpeckerId ?? 0) > (other.woodpeckerId ?? 0));
  };
  return repos.reduce<Repo | null>((last, one) => (last && !isLater(one, last) ? last : one), null);
}

/** Unix seconds of the last deployment, also if all are folded into the base; 0: there is none. */
export function lastIn(timeline: Timeline | undefined): number {
  if (!timeline) return 0;
  const { success, failure } = stateOf(timeline.current, lastOutcome);
  return Math.max(success, failure);
}

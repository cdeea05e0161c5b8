/** Finds the repo that deployed last. */

import type { Repo } from '../repo.ts';

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

/** Of repos that share a name, the one that deployed last. */

import type { Repo } from '../repo.ts';

/** `lastAt`: Unix seconds of a repo's last deployment. In the same second, the repo with the higher id. `null`: of none. */
export function lastDeployedOf(repos: readonly Repo[], lastAt: (repo: Repo) => number): Repo | null {
  const isLater = (one: Repo, other: Repo): boolean => {
    const difference = lastAt(one) - lastAt(other);
    return difference > 0 || (difference === 0 && (one.woodpeckerId ?? 0) > (other.woodpeckerId ?? 0));
  };
  return repos.reduce<Repo | null>((last, one) => (last && !isLater(one, last) ? last : one), null);
}

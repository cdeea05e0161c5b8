/** Finds the repo that owns the incidents of a name: usually the only one with that name. */

import { countBefore } from '../core/count-before.ts';
import type { Repo } from '../core/repo.ts';
import type { BookEntry, BookPlace } from '../core/series/incident-book.ts';
import { lastDeployedOf } from '../core/series/last-deployed.ts';
import { pairKey } from '../core/series/pair.ts';
import type { NameHistory } from './name-history.ts';
import type { PairChanges } from './pair-changes.ts';
import type { RepoChanges } from './repo-changes.ts';
import type { SeriesChanges } from './series-changes.ts';

export interface IncidentOwners {
  /**
   * Key of the repo with a known pair that the place belongs to now; `null`: none yet. Of repos that share a name, it is
   * the one that deployed last, also for incidents before that deployment: it may be a repo that was made anew.
   */
  now(place: BookPlace): number | null;
  /**
   * Finds the owners of entries of a name that `leaving` has, and may share: a rename may become known only after another
   * repo took the name and deployed. An entry belongs to the repo that had deployed last when the incident started, of
   * those that had the name by then. Returns the repo's key; `null`: it belongs to the name alone.
   */
  beforeRenameOf(leaving: Repo): (entry: BookEntry) => Promise<number | null>;
}

export interface IncidentOwnersContext {
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  readonly series: SeriesChanges;
  readonly names: NameHistory;
}

export function createIncidentOwners({ repos, pairs, series, names }: IncidentOwnersContext): IncidentOwners {
  const now: IncidentOwners['now'] = ({ name, tier, boundTo }) => {
    if (boundTo !== null) return pairs.isKnown(boundTo, tier) ? boundTo : null;
    const owners = repos.named(name).filter(({ key }) => pairs.isKnown(key, tier));
    return lastDeployedOf(owners, ({ key }) => series.lastAt(key, tier))?.key ?? null;
  };

  return {
    now,
    beforeRenameOf(leaving) {
      const sharers = repos.named(leaving.fullName);
      const startsByPair = new Map<string, readonly number[]>();
      const startsOf = async (repo: number, tier: string): Promise<readonly number[]> => {
        const key = pairKey(repo, tier);
        const starts = startsByPair.get(key) ?? (await series.startsOf(repo, tier));
        startsByPair.set(key, starts);
        return starts;
      };
      return async ({ place, incidents }) => {
        const last = incidents.at(-1);
        if (sharers.length === 1) return leaving.key;
        if (!place || !last) return null;
        const { tier } = place;
        const deployedAt = new Map<Repo, number>();
        for (const repo of sharers) {
          if (!pairs.isKnown(repo.key, tier) || (await names.takenAt(repo)) > last.start) continue;
          const starts = await startsOf(repo.key, tier);
          const begun = starts[countBefore(starts, (start) => start > last.start) - 1];
          if (begun !== undefined) deployedAt.set(repo, begun);
        }
        const owner = lastDeployedOf([...deployedAt.keys()], (repo) => deployedAt.get(repo) ?? 0);
        return owner?.key ?? now(place);
      };
    },
  };
}

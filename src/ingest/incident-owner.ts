/** Finds the repo that owns the incidents of a name: usually the only one with that name. */

import { countBefore } from '../core/count-before.ts';
import { startOf } from '../core/deployment.ts';
import type { Repo } from '../core/repo.ts';
import type { BookEntry, BookPlace } from '../core/series/incident-book.ts';
import { lastDeployedOf } from '../core/series/last-deployed.ts';
import { pairKey } from '../core/series/pair.ts';
import type { Transaction } from '../store/store.ts';
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
   * repo took the name and deployed. Only repos that had the name when the incident started can own the entry; the one
   * that had deployed last by then does. The last incident of an alert decides. Gives the repo's key; `null`: the entry
   * belongs to the name alone.
   */
  beforeRenameOf(leaving: Repo): Promise<(entry: BookEntry) => Promise<number | null>>;
}

export interface IncidentOwnersContext {
  readonly tx: Transaction;
  readonly repos: RepoChanges;
  readonly pairs: PairChanges;
  readonly series: SeriesChanges;
  readonly names: NameHistory;
}

export function createIncidentOwners({
  tx,
  repos,
  pairs,
  series,
  names,
}: IncidentOwnersContext): IncidentOwners {
  const now: IncidentOwners['now'] = ({ name, tier, boundTo }) => {
    if (boundTo !== null) return pairs.isKnown(boundTo, tier) ? boundTo : null;
    const owners = repos.named(name).filter(({ key }) => pairs.isKnown(key, tier));
    return lastDeployedOf(owners, ({ key }) => series.lastAt(key, tier))?.key ?? null;
  };

  return {
    now,
    async beforeRenameOf(leaving) {
      const sharers = repos.named(leaving.fullName);
      if (sharers.length === 1) return async () => leaving.key;
      const takenAt = new Map<Repo, number>();
      for (const repo of sharers) takenAt.set(repo, await names.takenAt(repo));
      const startsByPair = new Map<string, readonly number[]>();
      /** Start of the repo's last deployment that had started by `moment`; 0: none had. */
      const lastStart = async (repo: number, tier: string, moment: number): Promise<number> => {
        const key = pairKey(repo, tier);
        const starts = startsByPair.get(key) ?? (await readStarts(tx, repo, tier));
        startsByPair.set(key, starts);
        return starts[countBefore(starts, (start) => start > moment) - 1] ?? 0;
      };
      return async ({ place, incidents }) => {
        const last = incidents.at(-1);
        if (!place || !last) return null;
        const deployed = new Map<Repo, number>();
        for (const [repo, since] of takenAt) {
          if (since > last.start || !pairs.isKnown(repo.key, place.tier)) continue;
          const start = await lastStart(repo.key, place.tier, last.start);
          if (start > 0) deployed.set(repo, start);
        }
        const owner = lastDeployedOf([...deployed.keys()], (repo) => deployed.get(repo) ?? 0);
        return owner?.key ?? now(place);
      };
    },
  };
}

/** The starts of the pair's deployments, in ascending order; Unix seconds. */
async function readStarts(
  { pipelines }: Transaction,
  repo: number,
  tier: string,
): Promise<readonly number[]> {
  const starts: number[] = [];
  for await (const slice of pipelines.deployments({ only: { repo, tier } })) {
    for (const { deployment } of slice) starts.push(startOf(deployment));
  }
  return starts.sort((a, b) => a - b);
}

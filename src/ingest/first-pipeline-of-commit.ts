/**
 * Finds the creation of a commit's first pipeline, if the policy lets it replace an unavailable commit time. A new
 * pipeline can then change the lead times of all deployments of the same commit.
 */

import type { Repo } from '../core/repo.ts';
import type { Transaction } from '../store/store.ts';
import type { SeriesChanges } from './series-changes.ts';

export interface CommitFirsts {
  /** Unix seconds; `null` if the policy does not need it, or there is none. */
  of(repo: number, commit: string): Promise<number | null>;
  /** Makes a change to pipelines of the commits, and rebuilds the series for which it changes a first pipeline. */
  watch(repo: Repo, commits: readonly string[], change: () => Promise<void>): Promise<void>;
}

export function createCommitFirsts(tx: Transaction, series: SeriesChanges, doMatter: boolean): CommitFirsts {
  const firsts: CommitFirsts = {
    of: async (repo, commit) =>
      doMatter && commit !== '' ? tx.pipelines.firstCreatedAt(repo, commit) : null,
    async watch(repo, commits, change) {
      if (!doMatter) return change();
      const tiersOf = (commit: string) => tx.pipelines.tiersOfCommit(repo.key, commit);
      const before = new Map<string, { first: number | null; tiers: readonly string[] }>();
      for (const commit of commits) {
        const first = await firsts.of(repo.key, commit);
        // Most commits are new: then no other deployment's lead time depends on them.
        before.set(commit, { first, tiers: first === null ? await tiersOf(commit) : [] });
      }
      await change();
      for (const [commit, { first, tiers }] of before) {
        if ((await firsts.of(repo.key, commit)) === first) continue;
        for (const tier of first === null ? tiers : await tiersOf(commit)) series.rebuild(repo.key, tier);
      }
    },
  };
  return firsts;
}

/** Stores the forge's answers about deployments, and folds them into the series. */

import type { Change } from '../core/commit-range.ts';
import type { Transaction } from '../store/store.ts';
import type { CommitFirsts } from './first-pipeline-of-commit.ts';
import type { SeriesChanges } from './series-changes.ts';

export interface ForgeAnswers {
  /**
   * Stores an answer about a deployment to a tier, and folds it. `commit`: the commit to which the forge has resolved
   * the head; `null`, the default: unknown.
   */
  learn(repoKey: number, tier: string, number: number, change: Change, commit?: string | null): Promise<void>;
  /** Stores an answer about a deployment older than those in memory. It counts only after `foldOlder`. */
  learnOlder(
    repoKey: number,
    tier: string,
    number: number,
    change: Change,
    commit?: string | null,
  ): Promise<void>;
  foldOlder(repoKey: number, tier: string): void;
}

export function createForgeAnswers(
  tx: Transaction,
  series: SeriesChanges,
  firsts: CommitFirsts,
): ForgeAnswers {
  const rebuildAllOf = (repoKey: number): void => {
    for (const tier of series.tiersOf(repoKey)) series.rebuild(repoKey, tier);
  };
  const store = async (
    repoKey: number,
    tier: string,
    number: number,
    change: Change,
    commit: string | null,
  ) => {
    await tx.pipelines.putChange({ repo: repoKey, number, tier }, change);
    if (commit === null || commit === change.head) return;
    await tx.pipelines.putCommitId(repoKey, change.head, commit);
    // Any deployment of the repo may have had that id, or followed one that had it.
    rebuildAllOf(repoKey);
  };
  return {
    async learn(repoKey, tier, number, change, commit = null) {
      const before = await tx.pipelines.get(repoKey, number);
      if (!before) return;
      await store(repoKey, tier, number, change, commit);
      const after = await tx.pipelines.get(repoKey, number);
      if (after) series.replace(repoKey, before, after, await firsts.of(repoKey, after.commit));
    },
    async learnOlder(repoKey, tier, number, change, commit = null) {
      await store(repoKey, tier, number, change, commit);
    },
    foldOlder: series.rebuild,
  };
}

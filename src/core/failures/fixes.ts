/**
 * Fixes: a deployment that reverts or repairs an earlier one shows that the earlier one has failed. A *linked* fix names
 * the commits that it reverts. A fix *by rule* only matches the policy's rework rules, so it is taken to repair the
 * deployment just before it.
 */

import type { Candidate } from './candidate.ts';
import type { CommitIndex } from './commit-index.ts';

export interface FixLimits {
  /** Longest time from a deployment to its linked fix, in seconds; `null`: none is looked for. */
  readonly linkedSeconds: number | null;
  /** The same for a fix by rule. */
  readonly ruleSeconds: number | null;
}

export interface Fix {
  /** Indexes of the deployments whose commits it says it reverts. */
  readonly reverts: readonly number[];
  /** Index of the deployment that it repairs by rule. */
  readonly repairs: number | null;
}

/**
 * What the deployment at `index` fixes; `null`: nothing. It must be the first successful one of its commit.
 * `isRollback` asks about an earlier index.
 */
export function findFix(
  deployments: readonly Candidate[],
  index: number,
  { linkedSeconds, ruleSeconds }: FixLimits,
  commits: CommitIndex,
  isRollback: (index: number) => boolean,
): Fix | null {
  const fix = deployments[index] as Candidate;
  const isWithin = (failed: number, seconds: number) => fix.at - (deployments[failed]?.at ?? 0) <= seconds;
  if (linkedSeconds !== null && fix.reverts.length > 0) {
    const failed = fix.reverts
      .map((id) => commits.firstDeploymentOf(id, index))
      .filter((one) => one !== null)
      .filter((one) => isWithin(one, linkedSeconds));
    return failed.length === 0 ? null : { reverts: [...new Set(failed)], repairs: null };
  }
  if (ruleSeconds === null || !fix.isReworkByRule) return null;
  const before = deployments[index - 1];
  // A rollback or a revert repairs something itself; one whose pipeline failed needs no further sign.
  const mayBeRepaired =
    before?.outcome === 'success' && before.reverts.length === 0 && !isRollback(index - 1);
  return mayBeRepaired && isWithin(index - 1, ruleSeconds) ? { reverts: [], repairs: index - 1 } : null;
}

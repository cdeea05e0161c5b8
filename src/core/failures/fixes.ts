/**
 * Fixes: a deployment that reverts or repairs an earlier one shows that the earlier one has failed. A *linked* fix
 * names the commits that it reverts. A fix *by rule* only matches the policy's rework rules, so it counts as a repair
 * of the deployment just before it.
 */

import type { Repair } from '../verdict.ts';
import { type Candidate, revertsOf } from './candidate.ts';
import type { CommitIndex } from './commit-index.ts';
import { isRollback, type Searched } from './rollbacks.ts';

export interface FixLimits {
  /** Longest time from a deployment to its linked fix, in seconds; `null`: the policy looks for none. */
  readonly linkedSeconds: number | null;
  /** Longest time from a deployment to its fix by rule, in seconds; `null`: the policy looks for none. */
  readonly ruleSeconds: number | null;
}

/** Whether the deployment matches the rework rules or reverts a commit. */
export function mayFix(candidate: Candidate): boolean {
  return candidate.isRework || revertsOf(candidate).length > 0;
}

/**
 * Numbers of the deployments that `fix` repairs; `null`: none. `fix` must be the first successful deployment of its
 * commit. `last`: the deployment just before it, if that is in memory. `commitsBefore` is called only if `fix` reverts
 * a commit.
 */
export function findFix(
  fix: Candidate,
  last: Searched | undefined,
  { linkedSeconds, ruleSeconds }: FixLimits,
  commitsBefore: () => CommitIndex,
): Pick<Repair, 'reverts' | 'repairs'> | null {
  const reverts = revertsOf(fix);
  if (linkedSeconds !== null && reverts.length > 0) {
    const commits = commitsBefore();
    const failed = reverts.flatMap((id) => {
      const first = commits.firstDeploymentOf(id);
      return first !== null && fix.at - first.at <= linkedSeconds ? first.number : [];
    });
    return failed.length === 0 ? null : { reverts: [...new Set(failed)], repairs: null };
  }
  if (ruleSeconds === null || !fix.isRework) return null;
  // A rollback or a revert is a repair itself. A deployment whose pipeline failed has failed without a further cause.
  const mayBeRepaired = last?.outcome === 'success' && revertsOf(last).length === 0 && !isRollback(last);
  return mayBeRepaired && fix.at - last.at <= ruleSeconds ? { reverts: [], repairs: last.number } : null;
}

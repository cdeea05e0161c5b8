/**
 * Fixes: a deployment that reverts or repairs an earlier one shows that the earlier one has failed. A *linked* fix names
 * the commits that it reverts. A fix *by rule* only matches the policy's rework rules, so it is taken to repair the
 * deployment just before it.
 */

import type { Repair } from '../verdict.ts';
import { type Candidate, revertsOf } from './candidate.ts';
import type { CommitIndex } from './commit-index.ts';
import { isRollback, type Searched } from './rollbacks.ts';

export interface FixLimits {
  /** Longest time from a deployment to its linked fix, in seconds; `null`: none is looked for. */
  readonly linkedSeconds: number | null;
  /** The same for a fix by rule. */
  readonly ruleSeconds: number | null;
}

/** Whether there is anything that makes it a fix. */
export function mayFix(candidate: Candidate): boolean {
  return candidate.isRework || revertsOf(candidate).length > 0;
}

/**
 * What a deployment fixes; `null`: nothing. It must be the first successful one of its commit. `last`: the one just before
 * it, if it is in memory. `commitsBefore` is asked only if it reverts something.
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
  // A rollback or a revert repairs something itself; one whose pipeline failed needs no further sign.
  const mayBeRepaired = last?.outcome === 'success' && revertsOf(last).length === 0 && !isRollback(last);
  return mayBeRepaired && fix.at - last.at <= ruleSeconds ? { reverts: [], repairs: last.number } : null;
}

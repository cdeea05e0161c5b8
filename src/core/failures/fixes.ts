/**
 * Fixes: a deployment that reverts or repairs an earlier one shows that the earlier one has failed. A *linked* fix names
 * the commits that it reverts. A fix *by rule* only matches the policy's rework rules, so it is taken to repair the
 * deployment just before it.
 */

import type { Candidate } from './candidate.ts';
import { createCommitIndex } from './commit-index.ts';
import type { Rollbacks } from './rollbacks.ts';

export interface FixLimits {
  /** Longest time from a deployment to its linked fix, in seconds; `null`: none is looked for. */
  readonly linkedSeconds: number | null;
  /** The same for a fix by rule. */
  readonly ruleSeconds: number | null;
}

/** By index of the fix, the indexes of the deployments that it shows as failed. */
export interface Fixes {
  readonly linked: ReadonlyMap<number, readonly number[]>;
  readonly byRule: ReadonlyMap<number, number>;
}

/** `deployments` are those of one repo and tier, in order. */
export function findFixes(
  deployments: readonly Candidate[],
  rollbacks: Rollbacks,
  { linkedSeconds, ruleSeconds }: FixLimits,
): Fixes {
  const linked = new Map<number, readonly number[]>();
  const byRule = new Map<number, number>();
  const index = createCommitIndex(deployments);
  const delivered = new Set<string>();
  for (const [at, candidate] of deployments.entries()) {
    if (candidate.outcome !== 'success') continue;
    const isFirst = candidate.commit === '' || !delivered.has(candidate.commit);
    delivered.add(candidate.commit);
    if (!isFirst) continue;

    const { reverts } = candidate;
    if (linkedSeconds !== null && reverts.length > 0) {
      const failed = reverts
        .map((id) => index.firstDeploymentOf(id, at))
        .filter((one) => one !== null)
        .filter((one) => isWithin(deployments, one, at, linkedSeconds));
      if (failed.length > 0) linked.set(at, [...new Set(failed)]);
    } else if (
      ruleSeconds !== null &&
      candidate.isReworkByRule &&
      mayBeRepaired(deployments, rollbacks, at - 1)
    ) {
      if (isWithin(deployments, at - 1, at, ruleSeconds)) byRule.set(at, at - 1);
    }
  }
  return { linked, byRule };
}

/** A rollback or a revert repairs something itself; one that failed needs no further sign. */
function mayBeRepaired(deployments: readonly Candidate[], rollbacks: Rollbacks, index: number): boolean {
  const one = deployments[index];
  return one?.outcome === 'success' && !rollbacks.has(index) && one.reverts.length === 0;
}

function isWithin(deployments: readonly Candidate[], failed: number, fix: number, seconds: number): boolean {
  return (deployments[fix]?.at ?? 0) - (deployments[failed]?.at ?? 0) <= seconds;
}

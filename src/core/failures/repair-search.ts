/**
 * Finds rollbacks and fixes, which show that earlier deployments have failed.
 *
 * The repair of a deployment depends on earlier deployments alone, so a search takes in one deployment after the
 * other.
 */

import type { Repair } from '../verdict.ts';
import { revertsOf } from './candidate.ts';
import { type CommitIndex, createCommitIndex } from './commit-index.ts';
import { createDeployedHistory, type Past } from './deployed-history.ts';
import { type FixLimits, findFix, mayFix } from './fixes.ts';
import type { IncidentLimits } from './incidents.ts';
import { findUndone, goesBack, type Searched } from './rollbacks.ts';

/** The causes that the policy looks for in a tier, with their limits. */
export interface FailureRules {
  /** Longest time from a deployment to the rollback that undoes it, in seconds; `null`: the policy looks for none. */
  readonly rollbackSeconds: number | null;
  readonly fix: FixLimits;
  readonly incident: IncidentLimits;
}

/** Only pipelines and marks show failures. */
export const nothingLookedFor: FailureRules = {
  rollbackSeconds: null,
  fix: { linkedSeconds: null, ruleSeconds: null },
  incident: { withinSeconds: null, staleSeconds: 0 },
};

export interface RepairSearch {
  /** Takes in the deployment at `index`; returns its repair, `null`: none. `first`: index of the first that counts. */
  next(deployments: readonly Searched[], index: number, first: number): Repair | null;
  /** Takes back the last `count` deployments. */
  rewind(count: number): void;
  /**
   * Takes in the deployment at `index` before the later ones, which it has taken in already, if that changes no repair
   * and the deployment repairs nothing. Else it takes in nothing and returns `false`.
   */
  insert(deployments: readonly Searched[], index: number): boolean;
  /** Replaces the past by one that includes deployments of this search, since they are no longer in memory. */
  settle(past: Past): void;
  /** Number of deployments that it has taken in. */
  readonly size: number;
  /** Whether it has searched the deployments for a commit. */
  readonly usesCommits: boolean;
  /** All deployments so far, as a value. */
  toPast(): Past;
}

export function looksForRepairs({ rollbackSeconds, fix }: FailureRules): boolean {
  return rollbackSeconds !== null || fix.linkedSeconds !== null || fix.ruleSeconds !== null;
}

/** The longest limit, in seconds: no later deployment and no later incident shows that a deployment has failed. */
export function longestLimit({ rollbackSeconds, fix, incident }: FailureRules): number {
  const limits = [rollbackSeconds, fix.linkedSeconds, fix.ruleSeconds, incident.withinSeconds];
  return Math.max(...limits.map(Number));
}

/** `pastAtStart`: the deployments before the first one that the search takes in. */
export function createRepairSearch(
  { rollbackSeconds, fix: limits }: FailureRules,
  pastAtStart: Past,
): RepairSearch {
  const history = createDeployedHistory(pastAtStart);
  let past = pastAtStart;
  const looksForFixes = limits.linkedSeconds !== null || limits.ruleSeconds !== null;
  /** Made for the first deployment that reverts a commit: few do. */
  let commits: CommitIndex | null = null;
  let hasUsedCommits = false;

  return {
    next(deployments, index, first) {
      const candidate = deployments[index] as Searched;
      if (candidate.outcome !== 'success') {
        history.skip();
        commits?.add(candidate);
        return null;
      }
      const manners = history.mannersOf(candidate.commit);
      const mayGoBack = rollbackSeconds !== null && manners !== null && goesBack(candidate, manners, history);
      const undoes = mayGoBack ? findUndone(deployments, index, first, rollbackSeconds) : null;
      if (undoes !== null) history.goBackTo(candidate.commit);
      const commitsBefore = () => {
        commits ??= createCommitIndex(past, deployments.slice(first, index));
        hasUsedCommits = true;
        return commits;
      };
      const isFirst = looksForFixes && manners === null;
      const last = index > first ? deployments[index - 1] : undefined;
      const fix = isFirst && mayFix(candidate) ? findFix(candidate, last, limits, commitsBefore) : null;
      history.add(candidate, manners);
      commits?.add(candidate);
      return undoes === null && fix === null ? null : { reverts: [], repairs: null, ...fix, undoes };
    },
    rewind(count) {
      history.rewind(count);
      commits?.rewind(count);
    },
    insert(deployments, index) {
      const candidate = deployments[index] as Searched;
      const { at, commit, change, repair } = candidate;
      // The index was dropped when the past moved on, but a later deployment may still revert this one's commit.
      if (hasUsedCommits && commits === null) return false;
      // A fix by rule repairs the deployment just before it.
      if (mayFix(candidate) || deployments[index + 1]?.isRework) return false;
      if (change !== null || repair !== null) return false;
      const isReverted = (one: Searched) =>
        revertsOf(one).some((id) => commit.toLowerCase().startsWith(id.toLowerCase()));
      if (commits?.knowsLike(commit) || (commits && deployments.slice(index + 1).some(isReverted)))
        return false;
      const later = deployments.length - 1 - index;
      const isClose = (fromEnd: number) =>
        rollbackSeconds !== null && Number(deployments.at(-fromEnd)?.at) - at <= rollbackSeconds;
      if (!history.insert(candidate, later, isClose)) return false;
      commits?.insert(candidate, later);
      return true;
    },
    settle(settled) {
      past = settled;
      commits = null;
    },
    get size() {
      return history.size;
    },
    get usesCommits() {
      return hasUsedCommits;
    },
    toPast: history.toPast,
  };
}

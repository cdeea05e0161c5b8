/**
 * Finds rollbacks and fixes: which deployments show that earlier ones have failed.
 *
 * What a deployment repairs follows from those before it alone, so a search goes on from one deployment to the next.
 */

import type { Repair } from '../verdict.ts';
import { type CommitIndex, createCommitIndex } from './commit-index.ts';
import { createDeployedHistory, type Past } from './deployed-history.ts';
import { type FixLimits, findFix, mayFix } from './fixes.ts';
import type { IncidentLimits } from './incidents.ts';
import { findUndone, goesBack, type Searched } from './rollbacks.ts';

/** What is looked for in a tier. */
export interface FailureRules {
  /** Longest time from a deployment to the rollback that undoes it, in seconds; `null`: none is looked for. */
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
  /** What the next deployment repairs, the one at `index`; `null`: nothing. Those in memory begin at index `first`. */
  next(deployments: readonly Searched[], index: number, first: number): Repair | null;
  /** Takes back the last `count` deployments. */
  rewind(count: number): void;
  /** Some of its deployments are in memory no longer: all up to them are `past` now. */
  settle(past: Past): void;
  /** How many deployments it has taken in. */
  readonly size: number;
  /** Whether it has looked up which deployment brought a commit. */
  readonly usesCommits: boolean;
  /** All deployments so far, as a value. */
  toPast(): Past;
}

export function looksForRepairs({ rollbackSeconds, fix }: FailureRules): boolean {
  return rollbackSeconds !== null || fix.linkedSeconds !== null || fix.ruleSeconds !== null;
}

/** The longest time after which a later deployment or an incident may show that one has failed, in seconds. */
export function longestLimit({ rollbackSeconds, fix, incident }: FailureRules): number {
  const limits = [rollbackSeconds, fix.linkedSeconds, fix.ruleSeconds, incident.withinSeconds];
  return Math.max(...limits.map(Number));
}

/** `past`: what was deployed before. */
export function createRepairSearch(
  { rollbackSeconds, fix: limits }: FailureRules,
  pastAtStart: Past,
): RepairSearch {
  const history = createDeployedHistory(pastAtStart);
  let past = pastAtStart;
  const looksForFixes = limits.linkedSeconds !== null || limits.ruleSeconds !== null;
  /** Few deployments revert anything: it is made at the first that does. */
  let commits: CommitIndex | null = null;

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
    settle(settled) {
      past = settled;
      commits = null;
    },
    get size() {
      return history.size;
    },
    get usesCommits() {
      return commits !== null;
    },
    toPast: history.toPast,
  };
}

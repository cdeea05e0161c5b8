/**
 * What a pipeline is under a policy: a deployment, one that has not ended, or one that does not count and why.
 *
 * Two questions, kept apart. Its *scope* (repo, fork, event, branch, tier) is settled from the start and makes a pair of
 * repo and tier known; its *end* (status and time) decides whether it is a deployment. Guarantees: a pure function of
 * its arguments, and exactly one answer for any record.
 */

import { endOfRun } from './cancellation.ts';
import type { Outcome } from './deployment.ts';
import { matchesAnyGlob, matchesAnyGlobIgnoringCase } from './glob.ts';
import { matchesAnyPattern } from './message-patterns.ts';
import { endedAt, isEnded, isPullRequest, type PipelineRecord } from './pipeline.ts';
import type { Policy } from './policy.ts';
import type { Repo } from './repo.ts';
import { tierOf } from './tiers.ts';

/** Raise it whenever the meaning of a record changes: stored pipelines are then classified anew at the next start. */
export const classificationVersion = 2;

export const ignoreReasons = [
  'repo',
  'fork',
  'pull_request',
  'event',
  'branch',
  'tier',
  'killed',
  'canceled',
  'declined',
  'skipped',
  'error',
  'no_timestamp',
  'limit',
] as const;
export type IgnoreReason = (typeof ignoreReasons)[number];

/** `tier` is set wherever the scope admits the pipeline, whatever its end. */
export type Classification =
  | {
      readonly kind: 'deployment';
      readonly tier: string;
      readonly outcome: Outcome;
      /** Unix seconds. */
      readonly at: number;
      readonly isRework: boolean;
    }
  | { readonly kind: 'unfinished'; readonly tier: string }
  | { readonly kind: 'ignored'; readonly reason: IgnoreReason; readonly tier: string | null };

/** The part of a repo that decides. */
export type RepoScope = Pick<Repo, 'fullName' | 'defaultBranches'>;

const branchBoundEvents = new Set(['push', 'manual', 'cron']);
const messageBearingEvents = new Set(['push', 'manual', 'deployment']);

export function classify(policy: Policy, repo: RepoScope, record: PipelineRecord): Classification {
  const outOfScope = scopeReason(policy, repo, record);
  if (outOfScope) return { kind: 'ignored', reason: outOfScope, tier: null };
  const tier = tierOf(policy, repo.fullName, record);
  if (tier === null) return { kind: 'ignored', reason: 'tier', tier: null };

  if (!isEnded(record.status)) return { kind: 'unfinished', tier };
  const end = endOf(policy, record);
  if (end !== 'success' && end !== 'failure') return { kind: 'ignored', reason: end, tier };
  const at = endedAt(record);
  if (at === null) return { kind: 'ignored', reason: 'no_timestamp', tier };
  return { kind: 'deployment', tier, outcome: end, at, isRework: isRework(policy, record) };
}

/** Whether the policy watches the repo at all. */
export function isWatched(policy: Policy, repoName: string): boolean {
  const { repos, ignoreRepos } = policy.deployments;
  return matchesAnyGlobIgnoringCase(repos, repoName) && !matchesAnyGlobIgnoringCase(ignoreRepos, repoName);
}

function scopeReason(policy: Policy, repo: RepoScope, record: PipelineRecord): IgnoreReason | null {
  const { event, branch } = record;
  if (!isWatched(policy, repo.fullName)) return 'repo';
  if (record.fromFork) return 'fork';
  if (isPullRequest(event)) return 'pull_request';
  if (event === null) return null;
  if (!policy.deployments.events.includes(event)) return 'event';
  if (branch !== null && branchBoundEvents.has(event) && !admitsBranch(policy, repo, branch)) return 'branch';
  return null;
}

function admitsBranch(policy: Policy, repo: RepoScope, branch: string): boolean {
  const { branches } = policy.deployments;
  if (branches !== 'default') return matchesAnyGlob(branches, branch);
  return repo.defaultBranches.length === 0 || repo.defaultBranches.includes(branch);
}

/** What the end of a pipeline comes to; only for one that has ended. */
function endOf(policy: Policy, record: PipelineRecord): Outcome | IgnoreReason {
  const countsAsFailure = (status: string) => policy.deployments.failure.includes(status);
  switch (record.status) {
    case 'success':
    case 'failure':
    case 'killed': {
      const end = endOfRun(record);
      return end === 'killed' && countsAsFailure('killed') ? 'failure' : end;
    }
    case 'error':
      return countsAsFailure('error') ? 'failure' : 'error';
    case 'canceled':
    case 'declined':
      return record.status;
    default:
      return 'skipped';
  }
}

function isRework(policy: Policy, record: PipelineRecord): boolean {
  const { branches, message } = policy.rework;
  if (record.branch !== null && matchesAnyGlob(branches, record.branch)) return true;
  if (record.event === null || !messageBearingEvents.has(record.event)) return false;
  return matchesAnyPattern(message, record.message);
}

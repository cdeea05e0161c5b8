/**
 * Classifies a pipeline under a policy: it is a deployment in one or several tiers, or does not count, for a reason.
 *
 * These are two questions. The *scope* of a pipeline (repo, fork, event, branch, tiers) is known from the start and
 * makes its pairs of repo and tier known. Its *end*, or that of its part, decides whether it is a deployment.
 * Guarantees: a pure function of its arguments, and exactly one answer for any record.
 */

import { endOfRun } from './cancellation.ts';
import { compareText } from './compare-text.ts';
import type { Outcome } from './deployment.ts';
import { revertedBy } from './failures/reverts.ts';
import { matchesAnyGlob, matchesAnyGlobIgnoringCase } from './glob.ts';
import { matchesAnyPattern } from './message-patterns.ts';
import { durationOf } from './our-clock.ts';
import { endOfPart } from './parts.ts';
import { endedAt, isEnded, isPullRequest, type PipelineRecord } from './pipeline.ts';
import type { Policy } from './policy.ts';
import type { Repo } from './repo.ts';
import type { TierReport } from './tier-report.ts';
import { isPartRule, rulesFor, type Taken } from './tiers.ts';

/** Raise it if the meaning of a record changes: the next start then classifies all stored pipelines again. */
export const classificationVersion = 4;

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
  'not_reached',
  'no_parts',
  'operator',
  'limit',
] as const;
export type IgnoreReason = (typeof ignoreReasons)[number];

/** The classification of a pipeline in one tier. */
export type InTier = { readonly tier: string } & (
  | {
      readonly kind: 'deployment';
      readonly outcome: Outcome;
      /** Unix seconds. */
      readonly at: number;
      /** Unix seconds; `null`: not known. */
      readonly startedAt: number | null;
      /** `null`: not observed. */
      readonly durationSeconds: number | null;
      readonly isRework: boolean;
      /** Ids of the commits that it reverts, according to its message. */
      readonly reverts: readonly string[];
    }
  /** The pipeline has not ended. */
  | { readonly kind: 'unfinished' }
  /** The pipeline has ended, and the service must still read its workflows or its ref. */
  | { readonly kind: 'unread' }
  | { readonly kind: 'ignored'; readonly reason: IgnoreReason }
);

export interface Classification {
  /** One entry for each tier that takes the pipeline, sorted by tier. */
  readonly tiers: readonly InTier[];
  /** The reason why it is a deployment in no tier; `null`: it is one, or may become one. */
  readonly reason: IgnoreReason | null;
}

/** The fields of a repo on which the classification depends. */
export type RepoScope = Pick<Repo, 'fullName' | 'defaultBranches'>;

const branchBoundEvents = new Set(['push', 'manual', 'cron']);
const messageBearingEvents = new Set(['push', 'manual', 'deployment']);

export function classify(policy: Policy, repo: RepoScope, record: PipelineRecord): Classification {
  const outOfScope = scopeReason(policy, repo, record);
  if (outOfScope) return { tiers: [], reason: outOfScope };
  const reported = record.tierReports.map((report) => classifyReport(policy, report, record));
  // Only steps have reported the pipeline, each for a tier.
  const isReportedOnly = reported.length > 0 && record.status === '';
  const ruled = isReportedOnly ? [] : rulesFor(policy, repo.fullName, record);
  const others = ruled
    .filter(({ rule }) => reported.every(({ tier }) => tier !== rule.tier))
    .map((taken) => classifyIn(policy, taken, record));
  return inTiers([...reported, ...others], 'tier');
}

/** The classification, in which the deployments that an operator marked `ignore` are ignored. */
export function withMarks(
  classification: Classification,
  isIgnored: (tier: string) => boolean,
): Classification {
  const { tiers } = classification;
  if (!tiers.some(({ tier }) => isIgnored(tier))) return classification;
  const marked = tiers.map((one): InTier => {
    const { tier, kind } = one;
    return kind === 'deployment' && isIgnored(tier) ? { tier, kind: 'ignored', reason: 'operator' } : one;
  });
  return inTiers(marked, classification.reason ?? 'operator');
}

/** `reasonWithout`: the reason if there is no tier. */
export function inTiers(tiers: readonly InTier[], reasonWithout: IgnoreReason): Classification {
  const sorted = [...tiers].sort((a, b) => compareText(a.tier, b.tier));
  const reasons = sorted.flatMap((one) => (one.kind === 'ignored' ? one.reason : []));
  if (reasons.length < sorted.length) return { tiers: sorted, reason: null };
  const strongest = (['operator', 'killed', 'no_parts', 'not_reached'] as const).find((one) =>
    reasons.includes(one),
  );
  return { tiers: sorted, reason: strongest ?? reasons[0] ?? reasonWithout };
}

/** A step's report for a tier is a whole deployment there. The policy's tier rules do not apply. */
function classifyReport(policy: Policy, report: TierReport, record: PipelineRecord): InTier {
  const { tier, ...reported } = report;
  const whole = { ...record, ...reported, workflows: [], canceledByStep: null, hasOneClock: true };
  return classifyIn(policy, { rule: { tier }, isCertain: true }, whole);
}

type Times = Parameters<typeof durationOf>[0];

function classifyIn(policy: Policy, { rule, isCertain }: Taken, record: PipelineRecord): InTier {
  const { tier } = rule;
  if (!isEnded(record.status)) return { tier, kind: 'unfinished' };
  const isPart = isPartRule(rule);
  const ignored = (reason: IgnoreReason): InTier => ({ tier, kind: 'ignored', reason });
  const found = (end: 'success' | 'failure' | 'killed', times: Times = record): InTier => {
    const { startedAt } = times;
    const at = times.finishedAt ?? record.firstEndReportAt;
    const outcome = end === 'killed' && countsAsFailure(policy, 'killed') ? 'failure' : end;
    if (outcome === 'killed') return ignored('killed');
    if (at === null) return ignored('no_timestamp');
    const durationSeconds = durationOf(times);
    return {
      ...{ tier, kind: 'deployment', outcome, at, startedAt, durationSeconds },
      isRework: isRework(policy, record),
      reverts: revertedBy(record.message),
    };
  };
  switch (record.status) {
    case 'success':
    case 'failure':
    case 'killed': {
      if (!isCertain || (isPart && !record.hasWorkflows)) return { tier, kind: 'unread' };
      if (endedAt(record) === null) return ignored('no_timestamp');
      if (!isPart) return found(endOfRun(record));
      const part = endOfPart(rule, record);
      if (part.kind !== 'ran') return ignored(part.kind);
      const { startedAt, finishedAt } = part;
      if (finishedAt === null) return found(part.end, { ...record, startedAt });
      // An agent's clock gives both times of a part.
      return found(part.end, { startedAt, finishedAt, hasOneClock: true });
    }
    case 'error':
      if (isPart || !countsAsFailure(policy, 'error')) return ignored('error');
      return found('failure');
    case 'canceled':
    case 'declined':
      return ignored(record.status);
    default:
      return ignored('skipped');
  }
}

function countsAsFailure({ deployments }: Policy, status: string): boolean {
  return deployments.failure.includes(status);
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
  if (!matchesAnyGlob(policy.deployments.events, event)) return 'event';
  if (branch !== null && branchBoundEvents.has(event) && !admitsBranch(policy, repo, branch)) return 'branch';
  return null;
}

function admitsBranch(policy: Policy, repo: RepoScope, branch: string): boolean {
  const { branches } = policy.deployments;
  if (branches !== 'default') return matchesAnyGlob(branches, branch);
  return repo.defaultBranches.length === 0 || repo.defaultBranches.includes(branch);
}

function isRework(policy: Policy, record: PipelineRecord): boolean {
  const { branches, message } = policy.rework;
  if (record.branch !== null && matchesAnyGlob(branches, record.branch)) return true;
  if (record.event === null || !messageBearingEvents.has(record.event)) return false;
  return matchesAnyPattern(message, record.message);
}

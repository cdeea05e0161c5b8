/**
 * The policy: the meaning of the policy file, as plain data. `config/policy-file.ts` reads and checks the file.
 */

import type { FixLimits } from './failures/fixes.ts';
import type { IncidentRule } from './failures/incident-rules.ts';
import { type FailureRules, longestLimit, nothingLookedFor } from './failures/repair-search.ts';
import { matchesAnyGlob } from './glob.ts';

/** Events whose pipelines may count as deployments: all but pull requests. */
export const deploymentEvents = ['push', 'tag', 'release', 'deployment', 'manual', 'cron'] as const;

/** Statuses that a policy may count as a failed deployment. */
export const failureStatuses = ['failure', 'error', 'killed'] as const;

/** Maps a pipeline to a tier if all given conditions are true. */
export interface TierRule {
  readonly tier: string;
  /** Globs on the deploy target. */
  readonly deployTo?: readonly string[];
  /** Globs on owner/name, case-insensitive. */
  readonly repos?: readonly string[];
  readonly events?: readonly string[];
  /** Globs. */
  readonly branches?: readonly string[];
  /** Globs on the name of the pipeline's tag. */
  readonly tags?: readonly string[];
  /** Globs on names of workflows, and of steps in them: the part of the pipeline that deploys. */
  readonly workflows?: readonly string[];
  readonly steps?: readonly string[];
}

export interface Policy {
  /** In the order in which `rulesFor` reads them. */
  readonly tiers: readonly TierRule[];
  /** Tier of the pipelines that no rule takes; `null`: they do not count. */
  readonly defaultTier: string | null;
  readonly deployments: {
    readonly events: readonly string[];
    /** `default`: all current and former default branches; else globs. Applies to push, manual and cron. */
    readonly branches: 'default' | readonly string[];
    readonly repos: readonly string[];
    readonly ignoreRepos: readonly string[];
    readonly failure: readonly string[];
  };
  /** A deployment that matches any of these is an unplanned repair. */
  readonly rework: {
    readonly branches: readonly string[];
    /** Case-insensitive regular expressions on the commit's message, in RE2 syntax. */
    readonly message: readonly string[];
  };
  readonly leadTime: {
    /** Replacement for an unavailable commit time: the creation of the commit's first pipeline; `null`: none. */
    readonly fallback: 'created' | null;
  };
  /** Tiers in which a successful deployment may turn out to have failed, and the longest delays, in seconds. */
  readonly failures: {
    /** Globs; `null`: every tier that a rule names. */
    readonly tiers: readonly string[] | null;
    /** `null`, here and below: the policy does not look for it. */
    readonly rollbackSeconds: number | null;
    readonly fix: FixLimits;
    readonly incidentSeconds: number | null;
  };
  readonly incidents: {
    /** An alert no longer counts as open if its last receipt is longer ago than this. */
    readonly staleSeconds: number;
    /** The first that matches decides. */
    readonly rules: readonly IncidentRule[];
  };
  readonly windows: readonly Window[];
}

export interface Window {
  readonly name: string;
  readonly seconds: number;
}

const daySeconds = 86_400;

export const defaultPolicy: Policy = {
  tiers: [],
  defaultTier: 'unassigned',
  deployments: {
    events: deploymentEvents,
    branches: 'default',
    repos: ['*'],
    ignoreRepos: [],
    failure: ['failure'],
  },
  rework: { branches: ['hotfix/*'], message: ['^revert', '^hotfix'] },
  failures: {
    tiers: null,
    rollbackSeconds: 7 * daySeconds,
    fix: { linkedSeconds: 7 * daySeconds, ruleSeconds: daySeconds },
    incidentSeconds: daySeconds,
  },
  leadTime: { fallback: null },
  incidents: { staleSeconds: daySeconds, rules: [] },
  windows: [
    { name: '7d', seconds: 7 * daySeconds },
    { name: '30d', seconds: 30 * daySeconds },
    { name: '90d', seconds: 90 * daySeconds },
  ],
};

/** The part of the policy that decides in which tiers to look for failures and rework. */
export type LooksFor = Pick<Policy, 'rework' | 'tiers' | 'failures'>;

/**
 * Whether the policy looks for rework in a tier, or in any tier if none is given. If not, the rate is unknown, not 0.
 */
export function looksForRework(policy: LooksFor, tier?: string): boolean {
  const { rework, failures, tiers } = policy;
  if (rework.branches.length + rework.message.length > 0) return true;
  const isOn = failures.rollbackSeconds !== null || failures.fix.linkedSeconds !== null;
  const isAnywhere = failures.tiers ? failures.tiers.length > 0 : tiers.length > 0;
  return isOn && (tier === undefined ? isAnywhere : looksForFailures(policy, tier));
}

/** Whether the policy looks for rollbacks, fixes and incidents in a tier. */
function looksForFailures({ failures, tiers }: Pick<Policy, 'tiers' | 'failures'>, tier: string): boolean {
  return failures.tiers ? matchesAnyGlob(failures.tiers, tier) : tiers.some((rule) => rule.tier === tier);
}

/** Length of the longest window, in seconds. */
export function longestWindowSeconds(policy: Policy): number {
  return Math.max(...policy.windows.map((window) => window.seconds));
}

/**
 * Age up to which the exact state of a tier needs single deployments, in seconds: the longest window plus the longest
 * time after which a deployment may turn out to have failed.
 */
export function retainedSeconds(policy: Policy, tier: string): number {
  return longestWindowSeconds(policy) + longestLimit(failureRulesOf(policy, tier));
}

/** The causes that the policy looks for in a tier, with their limits. */
export function failureRulesOf(
  policy: Pick<Policy, 'tiers' | 'failures' | 'incidents'>,
  tier: string,
): FailureRules {
  const { failures, incidents } = policy;
  const { staleSeconds } = incidents;
  if (!looksForFailures(policy, tier))
    return { ...nothingLookedFor, incident: { withinSeconds: null, staleSeconds } };
  const { rollbackSeconds, fix, incidentSeconds } = failures;
  return { rollbackSeconds, fix, incident: { withinSeconds: incidentSeconds, staleSeconds } };
}

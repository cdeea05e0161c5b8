/**
 * What an operator may say about what counts: the meaning of the policy file, as plain data. How it is written down and
 * checked is `config/policy-file.ts`'s business.
 */

import type { IncidentRule } from './failures/incident-rules.ts';

/** Events whose pipelines may count as deployments: all but pull requests. */
export const deploymentEvents = ['push', 'tag', 'release', 'deployment', 'manual', 'cron'] as const;

/** Statuses that a policy may count as a failed deployment. */
export const failureStatuses = ['failure', 'error', 'killed'] as const;

/** Maps pipelines to a tier; all conditions that are given must hold. */
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
  /** The first that matches decides. */
  readonly tiers: readonly TierRule[];
  /** Tier of what no rule matches; `null`: it is not counted. */
  readonly defaultTier: string | null;
  readonly deployments: {
    readonly events: readonly string[];
    /** `default`: any branch that is or was the repo's default one; else globs. Holds for push, manual and cron. */
    readonly branches: 'default' | readonly string[];
    readonly repos: readonly string[];
    readonly ignoreRepos: readonly string[];
    readonly failure: readonly string[];
  };
  /** A deployment that matches any of these is an unplanned repair. Without any, rework is not looked for. */
  readonly rework: {
    readonly branches: readonly string[];
    /** Case-insensitive regular expressions on the commit's message, in RE2 syntax. */
    readonly message: readonly string[];
  };
  readonly leadTime: {
    /** What stands in for a commit's time where it cannot be had: the creation of its first pipeline, or nothing. */
    readonly fallback: 'created' | null;
  };
  readonly incidents: {
    /** An alert that was not received again for longer than this no longer counts as open. */
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
  leadTime: { fallback: null },
  incidents: { staleSeconds: daySeconds, rules: [] },
  windows: [
    { name: '7d', seconds: 7 * daySeconds },
    { name: '30d', seconds: 30 * daySeconds },
    { name: '90d', seconds: 90 * daySeconds },
  ],
};

/** If not, rework is unknown, which is not the same as a rate of 0. */
export function looksForRework({ rework }: Pick<Policy, 'rework'>): boolean {
  return rework.branches.length + rework.message.length > 0;
}

/** The longest window: how far back the exact state must see single deployments, in seconds. */
export function longestWindowSeconds(policy: Policy): number {
  return Math.max(...policy.windows.map((window) => window.seconds));
}

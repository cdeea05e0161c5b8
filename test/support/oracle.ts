/**
 * Computes the figures from the stories by the definitions alone: without merging, folding, or an order of arrival. It
 * shares only the policies, as data, with `src/core`.
 */

import type { Policy } from '../../src/core/policy.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { failingSinceOf } from './episodes.ts';
import type { Story, Truth } from './histories.ts';
import { aPolicy } from './records.ts';

/** A policy, and the same rules as plain code. */
export interface Rules {
  readonly policy: Policy;
  /** `null`: out of scope. */
  tierOf(repoName: string, defaultBranches: ReadonlySet<string>, truth: Truth): string | null;
  /** The tier of a repo if its name alone decides it. */
  tierByName(repoName: string): string | null;
  outcomeOf(end: NonNullable<Truth['end']>): 'success' | 'failure' | null;
}

const isPush = (event: string) => event === 'push' || event === 'manual' || event === 'cron';

/** Deploy targets and infrastructure repos by event; no cron; the default branch; an error is a failure. */
/** This oracle knows pipelines alone. */
const pipelinesAlone = { ...defaultPolicy.failures, tiers: [] };

export const rulesByTarget: Rules = {
  policy: aPolicy({
    tiers: [
      { tier: 'production', deployTo: ['prod*'] },
      { tier: 'platform', repos: ['ACME/infra-*'], events: ['push', 'tag'] },
    ],
    defaultTier: 'unassigned',
    failures: pipelinesAlone,
    deployments: {
      events: ['push', 'tag', 'release', 'deployment', 'manual'],
      failure: ['failure', 'error'],
    },
  }),
  tierOf(repoName, defaultBranches, { event, branch, deployTo }) {
    if (event === 'pull_request' || event === 'cron') return null;
    if (isPush(event) && !defaultBranches.has(branch)) return null;
    if (deployTo === 'production') return 'production';
    if (repoName === 'acme/infra-dns' && (event === 'push' || event === 'tag')) return 'platform';
    return 'unassigned';
  },
  tierByName: () => null,
  outcomeOf({ status, byFailingStep }) {
    if (status === 'success') return 'success';
    if (status === 'failure' || status === 'error') return 'failure';
    return status === 'killed' && byFailingStep ? 'failure' : null;
  },
};

/** The same, but names of repos have no effect. */
export const rulesWithoutNames: Rules = {
  ...rulesByTarget,
  policy: {
    ...rulesByTarget.policy,
    tiers: rulesByTarget.policy.tiers.filter(({ repos }) => repos === undefined),
  },
  tierOf: (_, defaultBranches, truth) => rulesByTarget.tierOf('', defaultBranches, truth),
};

/** Infrastructure repos by name, else the branch; any event and branch; killed is a failure, an error is not. */
export const rulesByBranch: Rules = {
  policy: aPolicy({
    tiers: [
      { tier: 'platform', repos: ['acme/infra-*'] },
      { tier: 'trunk', branches: ['main', 'trunk'] },
    ],
    defaultTier: null,
    failures: pipelinesAlone,
    deployments: { branches: ['*'], failure: ['failure', 'killed'] },
  }),
  tierOf(repoName, _, { event, branch }) {
    if (event === 'pull_request') return null;
    if (repoName === 'acme/infra-dns') return 'platform';
    return branch === 'main' || branch === 'trunk' ? 'trunk' : null;
  },
  tierByName: (repoName) => (repoName === 'acme/infra-dns' ? 'platform' : null),
  outcomeOf({ status }) {
    if (status === 'success') return 'success';
    return status === 'failure' || status === 'killed' ? 'failure' : null;
  },
};

export interface ExpectedSeries {
  readonly lastSuccess: number;
  readonly lastFailure: number;
  readonly failingSince: number;
  /** The content of the ledger if each pipeline had only one reported end. */
  readonly deployments: number;
  readonly failures: number;
  readonly durations: { readonly count: number; readonly sum: number };
}

/**
 * By name of the repo in lower case and tier. A pipeline created up to `horizon` is not in the ledger, and one that ended
 * up to then begins no episode of failure.
 */
export function expectedSeries(
  stories: readonly Story[],
  rules: Rules,
  horizon: number | null = null,
): Record<string, ExpectedSeries> {
  const series: Record<string, { at: number; number: number; outcome: string; story: Story }[]> = {};
  for (const told of Map.groupBy(stories, (story) => story.facts.woodpeckerId).values()) {
    const latest = told.reduce((a, b) => (b.facts.asOf > a.facts.asOf ? b : a));
    const name = latest.facts.fullName.toLowerCase();
    const defaultBranches = new Set(told.map(({ facts }) => facts.defaultBranch ?? ''));
    const byName = rules.tierByName(name);
    if (byName !== null) series[`${name} ${byName}`] ??= [];
    for (const story of told) {
      const tier = rules.tierOf(name, defaultBranches, story.truth);
      if (tier === null) continue;
      const { end } = story.truth;
      const deployments = series[`${name} ${tier}`] ?? [];
      series[`${name} ${tier}`] = deployments;
      const outcome = end && rules.outcomeOf(end);
      if (end && outcome) deployments.push({ at: end.at, number: story.number, outcome, story });
    }
  }
  return Object.fromEntries(
    Object.entries(series).map(([key, deployments]) => {
      deployments.sort((a, b) => a.at - b.at || a.number - b.number);
      const timesOf = (wanted: string) =>
        deployments.filter(({ outcome }) => outcome === wanted).map(({ at }) => at);
      const isKnown = ({ at }: { readonly at: number }) => horizon === null || at > horizon;
      // Repos with the same name have separate failures.
      const open = [...Map.groupBy(deployments, ({ story }) => story.facts.woodpeckerId).values()].flatMap(
        (ofRepo) => failingSinceOf(ofRepo, ofRepo.filter(isKnown)) || [],
      );
      const counted = deployments.filter(
        ({ story: { truth } }) => horizon === null || truth.createdAt === null || truth.createdAt > horizon,
      );
      const durations = counted
        .map(({ at, story: { truth } }) => (truth.startedAt === null ? -1 : at - truth.startedAt))
        .filter((seconds) => seconds >= 0);
      return [
        key,
        {
          lastSuccess: Math.max(0, ...timesOf('success')),
          lastFailure: Math.max(0, ...timesOf('failure')),
          failingSince: open.length === 0 ? 0 : Math.min(...open),
          deployments: counted.length,
          failures: counted.filter(({ outcome }) => outcome === 'failure').length,
          durations: { count: durations.length, sum: durations.reduce((sum, seconds) => sum + seconds, 0) },
        },
      ];
    }),
  );
}

/** `--check`: what would be counted, from settings, policy and store alone; asks no network and writes nothing. */

import { existsSync } from 'node:fs';
import type { Config } from '../config/environment.ts';
import { classify } from '../core/classification.ts';
import { cronDominance } from '../core/cron-warning.ts';
import { causesLookedFor } from '../core/failures/judge.ts';
import { createTally, type EventCount } from '../core/pipeline-counts.ts';
import { failureRulesOf, type Policy } from '../core/policy.ts';
import { createPolicyCheck, describeRule } from '../core/policy-check.ts';
import { isPartRule } from '../core/tiers.ts';
import { findDenied, mayMakeDatabase } from '../store/database-place.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { counted } from '../util/pluralize.ts';

/** Lines for a person. Rejects with `StoreUnusable` or `StoreUnavailable`. */
export async function describeCheck(config: Config, policy: Policy): Promise<string[]> {
  const stored = await readStored(config.databasePath, policy);
  const events = stored?.events ?? [];
  return [
    'Settings and policy are valid.',
    config.woodpecker
      ? `Woodpecker: ${config.woodpecker.url}`
      : 'Woodpecker: none; what webhooks tell is all there is.',
    ...describePolicy(policy),
    `Store: ${config.databasePath} ${stored ? describeStored(config.databasePath, stored) : describeNone(config.databasePath)}.`,
    events.length === 0 ? 'Deployments stored: none.' : 'Deployments stored, by tier and event:',
    ...events.map(({ tier, event, deployments }) => `  ${tier}  ${event}  ${deployments}`),
    ...cronDominance(events).map(
      ({ tier, share, remedy }) =>
        `Cron brings ${Math.round(share * 100)} % of ${tier}; to leave it out, set in the policy: ${remedy}`,
    ),
    ...(stored?.warnings ?? []),
  ];
}

function describeStored(path: string, { repos }: Stored): string {
  const denied = findDenied(path);
  return `knows ${counted(repos, 'repo')}${denied ? `, but a start would fail: ${denied.needs}` : ''}`;
}

/** Throws `StoreUnusable` where there can be none. */
function describeNone(path: string): string {
  if (path === ':memory:') return 'keeps nothing';
  return mayMakeDatabase(path)
    ? 'does not exist yet'
    : 'does not exist yet, and this user may not write where it would be';
}

interface Stored {
  readonly repos: number;
  readonly events: readonly EventCount[];
  readonly warnings: readonly string[];
}

/** What the store holds, as this policy sees it; `null` where there is no store yet. */
async function readStored(path: string, policy: Policy): Promise<Stored | null> {
  if (!existsSync(path)) return null;
  const store = openSqliteStore(path, { isReadOnly: true });
  try {
    return await store.transact(async (tx) => {
      const repos = new Map((await tx.repos.all()).map((repo) => [repo.key, repo]));
      const tally = createTally();
      const check = createPolicyCheck(policy, [...repos.values()]);
      for await (const slice of tx.pipelines.all()) {
        for (const pipeline of slice) {
          const repo = repos.get(pipeline.repo);
          if (!repo) continue;
          const classified = { ...pipeline, classification: classify(policy, repo, pipeline.record) };
          tally.count(classified, 1);
          check.add(repo, classified);
        }
      }
      return { repos: repos.size, events: tally.events(), warnings: check.warnings() };
    });
  } finally {
    await store.close();
  }
}

/** Where more than pipelines shows failures. */
function describeFailures(policy: Policy): string {
  const tiers = [...new Set([...policy.tiers.map(({ tier }) => tier), policy.defaultTier])].filter(
    (tier) => tier !== null,
  );
  const looked = tiers.filter((tier) => causesLookedFor(failureRulesOf(policy, tier)).includes('incident'));
  if (looked.length === 0) {
    return 'Incidents are looked for in no tier: name one in a rule, or in failures.tiers.';
  }
  const others = tiers.filter((tier) => !looked.includes(tier));
  const rest = others.length === 0 ? '' : `; not in ${others.join(', ')}`;
  return `Incidents are looked for in ${looked.join(', ')}${rest}.`;
}

function describePolicy(policy: Policy): string[] {
  const { tiers, defaultTier, deployments, windows } = policy;
  const rules = tiers.map((rule) => `  ${rule.tier}: ${describeRule(rule)}`);
  const branches =
    deployments.branches === 'default' ? 'the default branch' : deployments.branches.join(', ');
  return [
    `Counted events: ${deployments.events.join(', ')}; pushes, manual and cron runs on ${branches}.`,
    `Counted as failed: ${deployments.failure.join(', ')}.`,
    `Repos: ${deployments.repos.join(', ')}${deployments.ignoreRepos.length > 0 ? `, but not ${deployments.ignoreRepos.join(', ')}` : ''}.`,
    tiers.some(isPartRule)
      ? 'Tiers; a rule for workflows or steps takes that part, the first other rule that matches takes the pipeline:'
      : 'Tiers, the first that matches:',
    ...rules,
    `  ${defaultTier === null ? 'not counted' : defaultTier}: everything else`,
    describeFailures(policy),
    `Windows: ${windows.map(({ name }) => name).join(', ')}.`,
  ];
}

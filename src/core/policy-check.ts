/**
 * Finds probable mistakes in a policy: entries that match nothing in the store, and commits that count twice.
 *
 * Guarantees: a pure function of the policy, the repos and the pipelines that were added.
 */

import { namesNoLabel } from './failures/incident-rules.ts';
import { matchesAnyGlob, matchesAnyGlobIgnoringCase } from './glob.ts';
import { endOfPart } from './parts.ts';
import type { Policy, TierRule } from './policy.ts';
import type { Repo } from './repo.ts';
import type { StoredPipeline } from './stored-pipeline.ts';
import { isPartRule, rulesFor } from './tiers.ts';

export interface PolicyCheck {
  add(repo: Repo, pipeline: Pick<StoredPipeline, 'record' | 'commit' | 'classification'>): void;
  /** Lines for a person, after all pipelines were added. */
  warnings(): readonly string[];
}

/** Most commits whose events are remembered: memory stays bounded. */
const mostCommits = 100_000;
const mostExamples = 3;

export function createPolicyCheck(policy: Policy, repos: readonly Repo[]): PolicyCheck {
  const used = new Set<TierRule>();
  let pipelines = 0;
  /** By repo, tier and commit: the events under which it counts. */
  const eventsOf = new Map<string, { readonly place: string; readonly events: Set<string> }>();
  const twice = new Map<string, { count: number; readonly examples: string[] }>();

  const noteCommit = (repo: Repo, tier: string, commit: string, event: string): void => {
    const key = `${repo.key}\n${tier}\n${commit}`;
    const known = eventsOf.get(key);
    if (!known) {
      if (eventsOf.size < mostCommits)
        eventsOf.set(key, { place: `${repo.fullName}, ${tier}`, events: new Set([event]) });
      return;
    }
    if (known.events.has(event)) return;
    known.events.add(event);
    if (known.events.size !== 2) return;
    const words = [...known.events].sort().join(' and ');
    const found = twice.get(`${known.place}: ${words}`) ?? { count: 0, examples: [] };
    twice.set(`${known.place}: ${words}`, found);
    found.count++;
    if (found.examples.length < mostExamples) found.examples.push(commit.slice(0, 8));
  };

  return {
    add(repo, { record, commit, classification }) {
      pipelines++;
      if (classification.tiers.length === 0) return;
      for (const { rule } of rulesFor(policy, repo.fullName, record)) {
        if (!isPartRule(rule) || endOfPart(rule, record).kind === 'ran' || !record.hasWorkflows)
          used.add(rule);
      }
      for (const one of classification.tiers) {
        if (one.kind === 'deployment' && commit !== '')
          noteCommit(repo, one.tier, commit, record.event ?? 'unknown');
      }
    },
    warnings() {
      return [
        ...(pipelines === 0 ? [] : rulesWithoutPipelines(policy, used)),
        ...(repos.length === 0 ? [] : unknownRepos(policy, repos)),
        ...unknownTiers(policy),
        ...[...twice].map(
          ([place, { count, examples }]) =>
            `Commits count under two events in ${place}: ${count}, such as ${examples.join(', ')}`,
        ),
      ];
    },
  };
}

function rulesWithoutPipelines({ tiers }: Policy, used: ReadonlySet<TierRule>): readonly string[] {
  return tiers
    .filter((rule) => !used.has(rule))
    .map((rule) => `No stored pipeline that counts matches the rule for ${rule.tier}: ${describeRule(rule)}`);
}

function unknownRepos({ deployments, tiers, incidents }: Policy, repos: readonly Repo[]): readonly string[] {
  const unknown = (globs: readonly string[], place: string): readonly string[] =>
    globs
      .map((glob) => ({ glob, name: glob.replace(/^!/, '') }))
      .filter(({ name }) => !repos.some(({ fullName }) => matchesAnyGlobIgnoringCase([name], fullName)))
      .map(({ glob }) => `No known repo matches ${glob} in ${place}`);
  return [
    ...unknown(deployments.repos, 'deployments.repos'),
    ...unknown(deployments.ignoreRepos, 'deployments.ignore_repos'),
    ...tiers.flatMap((rule) => unknown(rule.repos ?? [], `the rule for ${rule.tier}`)),
    ...incidents.rules.flatMap(({ repo }) => unknown(namesNoLabel(repo) ? [repo] : [], 'incidents.rules')),
  ];
}

function unknownTiers({ failures, incidents, tiers, defaultTier }: Policy): readonly string[] {
  const known = [...tiers.map(({ tier }) => tier), ...(defaultTier === null ? [] : [defaultTier])];
  const isKnown = (glob: string) => known.some((tier) => matchesAnyGlob([glob.replace(/^!/, '')], tier));
  return [
    ...(failures.tiers ?? [])
      .filter((glob) => !isKnown(glob))
      .map((glob) => `No tier of the policy matches ${glob} in failures.tiers`),
    ...incidents.rules
      .filter(({ tier }) => !known.includes(tier))
      .map(({ tier }) => `No tier of the policy is ${tier}, which a rule in incidents.rules names`),
  ];
}

/** The conditions of the rule in the words of the policy file. */
export function describeRule(rule: TierRule): string {
  const { deployTo, repos, events, branches, tags, workflows, steps } = rule;
  const conditions = { deploy_to: deployTo, repos, events, branches, tags, workflows, steps };
  const given = Object.entries(conditions).flatMap(([key, values]) =>
    values ? [`${key} ${values.join(', ')}`] : [],
  );
  return given.join('; ') || 'everything';
}

/**
 * The expected values of /metrics, computed by brute force from the tables of the fake Woodpecker and the words of the
 * contract. Contains the one policy of the chaos test as plain code, and shares nothing with `src/`.
 *
 * The gauges are always exact. So are both counters here, because each pipeline counts once, and no counted pipeline of
 * these histories is excluded later, or turns from failure to success. (In these cases, and if a pipeline moves to
 * another tier, the ledger may contain more than the tables.) Pipelines that were created before the horizon are in no
 * counter.
 */

import { type FakeWoodpecker, isActive, type Pipeline, type Repo } from '../support/fake-woodpecker.ts';

export const policyText = `
tiers:
  - tier: production
    deploy_to: [production, prod-*]
  - tier: platform
    repos: [acme/infra-*]
    events: [push, tag]
default_tier: unassigned
deployments:
  failure: [failure, error]
failures: { rollback: null, fix: { linked: null, rule: null }, incident: null }
`;

export const historyDays = 10;
const daySeconds = 86_400;
const clockTolerance = 300;

export interface Expected {
  readonly deployments: number;
  readonly failures: number;
  readonly lastSuccess: number;
  readonly lastFailure: number;
  readonly failingSince: number;
}

/** Names of the metrics, in the order of `Expected`. */
export const metricNames = {
  deployments: 'dora_deployments_total',
  failures: 'dora_deployment_failures_total',
  lastSuccess: 'dora_deployment_last_success_timestamp',
  lastFailure: 'dora_deployment_last_failure_timestamp',
  failingSince: 'dora_deployment_failing_since_timestamp',
} as const satisfies Record<keyof Expected, string>;

/** By repo and tier; `branches` contains all current and former default branches of each repo, by its id. */
export function expectedSeries(
  woodpecker: FakeWoodpecker,
  isVisible: (repo: Repo) => boolean,
  branches: ReadonlyMap<number, ReadonlySet<string>>,
): Record<string, Expected> {
  const horizon = Math.floor(Date.now() / 1000) - historyDays * daySeconds;
  const series: Record<string, Expected> = {};
  for (const repo of woodpecker.repos().filter((one) => one.active && isVisible(one))) {
    const defaults = new Set([repo.default_branch, ...(branches.get(repo.id) ?? [])]);
    const byTier = new Map<string, { at: number; number: number; isFailure: boolean; created: number }[]>();
    for (const pipeline of woodpecker.pipelines(repo)) {
      const tier = tierOf(repo, defaults, pipeline);
      if (tier === null) continue;
      const deployments = byTier.get(tier) ?? [];
      byTier.set(tier, deployments);
      const outcome = outcomeOf(pipeline);
      if (outcome === null) continue;
      const { number, created } = pipeline;
      deployments.push({ at: finishOf(pipeline), number, isFailure: outcome === 'failure', created });
    }
    for (const [tier, deployments] of byTier) {
      deployments.sort((a, b) => a.at - b.at || a.number - b.number);
      const counted = deployments.filter(({ created }) => created > horizon);
      series[`${repo.full_name} ${tier}`] = {
        deployments: counted.length,
        failures: counted.filter(({ isFailure }) => isFailure).length,
        lastSuccess: deployments.findLast(({ isFailure }) => !isFailure)?.at ?? 0,
        lastFailure: deployments.findLast(({ isFailure }) => isFailure)?.at ?? 0,
        failingSince: openSince(deployments),
      };
    }
  }
  return series;
}

/**
 * Start of the open episode; 0: none is open. A failure in the second in which a success ends an episode belongs to
 * that episode.
 */
function openSince(deployments: readonly { readonly at: number; readonly isFailure: boolean }[]): number {
  const episodes: { readonly since: number; until: number | null }[] = [];
  for (const { at, isFailure } of deployments) {
    const last = episodes.at(-1);
    if (!isFailure) {
      if (last) last.until ??= at;
    } else if (!last || (last.until !== null && at > last.until)) episodes.push({ since: at, until: null });
    else last.until = null;
  }
  const last = episodes.at(-1);
  return last?.until === null ? last.since : 0;
}

/** `null`: out of scope. */
function tierOf(repo: Repo, defaults: ReadonlySet<string>, pipeline: Pipeline): string | null {
  const { event, branch, deploy_to: deployTo, from_fork: isFork } = pipeline;
  if (isFork || event.startsWith('pull_request')) return null;
  const isBranchBound = event === 'push' || event === 'manual' || event === 'cron';
  if (isBranchBound && !defaults.has(branch)) return null;
  if (deployTo === 'production' || deployTo.startsWith('prod-')) return 'production';
  const isInfra = repo.full_name.toLowerCase().startsWith('acme/infra-');
  return isInfra && (event === 'push' || event === 'tag') ? 'platform' : 'unassigned';
}

function outcomeOf(pipeline: Pipeline): 'success' | 'failure' | null {
  const { status, workflows, cancel_info: cancelInfo } = pipeline;
  if (isActive(status)) return null;
  if (status === 'success') return 'success';
  if (status === 'error') return 'failure';
  if (status === 'killed') return cancelInfo?.canceled_by_step ? 'failure' : null;
  if (status !== 'failure') return null;
  // Before 3.14, a cancelled run and its steps end as failures: the errors of its workflows decide.
  const isCanceled = workflows.some(({ error }) => error === 'Canceled');
  const hasFailed = workflows.some(({ state, error }) => state === 'failure' && error !== 'Canceled');
  return isCanceled && !hasFailed ? null : 'failure';
}

function finishOf({ finished, workflows, created, updated }: Pipeline): number {
  const spans = workflows.flatMap((workflow) => [workflow, ...workflow.children]);
  const latest = Math.max(0, ...spans.map((span) => span.finished));
  const told = finished || latest || updated;
  const isOff = told < created - clockTolerance || told > updated + clockTolerance;
  return isOff ? updated : told;
}

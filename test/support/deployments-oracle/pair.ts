/** Section 2: every figure of one pair at one moment. */
import { type Fixes, fixesOf, incidentsOf, matchesReworkRules, rollbacksOf } from './causes.ts';
import { matches } from './globs.ts';
import { type Episode, endOfFailure, episodesOf, type Failed } from './recovery.ts';
import type { Cause, Deployment, Incident, Policy, World } from './types.ts';

const CAUSES: Cause[] = ['pipeline', 'rollback', 'fix', 'incident', 'operator'];

/** The facts of one deployment. */
export interface DeploymentFacts {
  number: number;
  outcome: 'success' | 'failure';
  start: number | null;
  finish: number;
  duration: number | null;
  /** In the order of the contract's table. The deployment has failed if there is one. */
  causes: Cause[];
  /** Numbers of the deployments that it rolls back, reverts, or repairs by rule. */
  rollsBack: number | null;
  revertsLinked: number[];
  repairsByRule: number | null;
  rework: boolean;
  incidents: string[];
  /** End of the failure; null: it is open, the deployment has not failed, or its only incidents are stale alerts. */
  end: number | null;
  endedBy: 'mark' | 'incident' | 'deployment' | null;
  repairedBy: number | null;
}

export interface WindowFigures {
  deployments: number;
  failed: number;
  failedByCause: Record<Cause, number>;
  /** null: the policy does not look for it. */
  rework: number | null;
  /** Seconds of each episode that closed in the window, in order of closing. */
  recoveries: number[];
  /** Seconds of each deployment that has one, in order of finish. */
  durations: number[];
}

export interface PairFigures {
  repo: string;
  tier: string;
  /** The causes that are switched on. */
  lookedFor: Cause[];
  deployments: DeploymentFacts[];
  episodes: Episode[];
  failingSince: number | null;
  lastSuccess: number | null;
  lastFailure: number | null;
  windows: Record<string, WindowFigures>;
}

const inOrder = (a: Deployment, b: Deployment) =>
  a.finish - b.finish || a.pipeline.number - b.pipeline.number;

/** The policy of one tier: all causes are off if the policy does not look for failures there. */
function policyIn(policy: Policy, tier: string): Policy {
  const { tiers } = policy.failures;
  const lookedFor = tiers ? matches(tiers, tier) : policy.tiers.some((rule) => rule.tier === tier);
  if (lookedFor) return policy;
  const off = { tiers, rollback: null, fix: { linked: null, rule: null }, incident: null };
  return { ...policy, failures: off };
}

function causesLookedFor({ failures }: Policy): Cause[] {
  const on: Record<Cause, boolean> = {
    pipeline: true,
    rollback: failures.rollback !== null,
    fix: failures.fix.linked !== null || failures.fix.rule !== null,
    incident: failures.incident !== null,
    operator: true,
  };
  return CAUSES.filter((cause) => on[cause]);
}

/** `unordered`: the deployments of the pair that are known at t. */
export function pairFigures(unordered: Deployment[], world: World, t: number): PairFigures {
  const deployments = unordered.toSorted(inOrder);
  const { repo = '', tier = '' } = deployments[0] ?? {};
  const policy = policyIn(world.policy, tier);
  const rollbacks = rollbacksOf(deployments, policy.failures.rollback);
  const fixes = fixesOf(deployments, policy, rollbacks);
  const ofPair = world.incidents.filter((incident) => incident.repo === repo && incident.tier === tier);
  const incidents = incidentsOf(deployments, ofPair, policy, t);

  const intervals: Episode[] = [];
  const facts = deployments.map((deployment): DeploymentFacts => {
    const failed = failureOf(deployment, rollbacks, fixes, incidents);
    const hasFailed = failed.causes.size > 0;
    const end = hasFailed ? endOfFailure(failed, deployments, policy, t) : null;
    if (end) intervals.push({ start: deployment.finish, end: end.at });
    return {
      number: deployment.pipeline.number,
      outcome: deployment.outcome,
      start: deployment.start,
      finish: deployment.finish,
      duration: deployment.duration,
      causes: CAUSES.filter((cause) => failed.causes.has(cause)),
      rollsBack: rollbacks.get(deployment)?.pipeline.number ?? null,
      revertsLinked: (fixes.linked.get(deployment) ?? []).map((one) => one.pipeline.number),
      repairsByRule: fixes.byRule.get(deployment)?.pipeline.number ?? null,
      rework: isRework(deployment, policy, rollbacks, fixes),
      incidents: failed.incidents.map((incident) => incident.id).sort(),
      end: end?.at ?? null,
      endedBy: end?.by ?? null,
      repairedBy: end?.repair?.pipeline.number ?? null,
    };
  });

  const episodes = episodesOf(intervals);
  const finishesOf = (outcome: string) =>
    deployments.filter((one) => one.outcome === outcome).map((one) => one.finish);
  const windows = Object.entries(policy.windows).map(([name, seconds]) => [
    name,
    windowFigures(facts, episodes, policy, t - seconds, t),
  ]);
  return {
    repo,
    tier,
    lookedFor: causesLookedFor(policy),
    deployments: facts,
    episodes,
    failingSince: episodes.find((episode) => episode.end === null)?.start ?? null,
    lastSuccess: finishesOf('success').at(-1) ?? null,
    lastFailure: finishesOf('failure').at(-1) ?? null,
    windows: Object.fromEntries(windows),
  };
}

function failureOf(
  deployment: Deployment,
  rollbacks: Map<Deployment, Deployment>,
  fixes: Fixes,
  incidents: Map<Incident, Deployment>,
): Failed {
  const causes = new Set<Cause>();
  if (deployment.outcome === 'failure') causes.add('pipeline');
  if (deployment.mark?.mark === 'fine') return { deployment, causes, incidents: [], revealedBy: [] };

  const rolledBackBy = keysOf(rollbacks, (undone) => undone === deployment);
  const fixedBy = [
    ...keysOf(fixes.linked, (failed) => failed.includes(deployment)),
    ...keysOf(fixes.byRule, (failed) => failed === deployment),
  ];
  const itsIncidents = keysOf(incidents, (owner) => owner === deployment);
  if (rolledBackBy.length > 0) causes.add('rollback');
  if (fixedBy.length > 0) causes.add('fix');
  if (itsIncidents.length > 0) causes.add('incident');
  if (deployment.mark?.mark === 'failed') causes.add('operator');
  return { deployment, causes, incidents: itsIncidents, revealedBy: [...rolledBackBy, ...fixedBy] };
}

function keysOf<Key, Value>(map: Map<Key, Value>, test: (value: Value) => boolean): Key[] {
  return [...map].filter(([, value]) => test(value)).map(([key]) => key);
}

function isRework(
  deployment: Deployment,
  policy: Policy,
  rollbacks: Map<Deployment, Deployment>,
  fixes: Fixes,
): boolean {
  const undone = rollbacks.get(deployment);
  const failed = [...(undone ? [undone] : []), ...(fixes.linked.get(deployment) ?? [])];
  return matchesReworkRules(deployment, policy) || failed.some((one) => one.mark?.mark !== 'fine');
}

function windowFigures(
  facts: DeploymentFacts[],
  episodes: Episode[],
  policy: Policy,
  after: number,
  until: number,
): WindowFigures {
  const isInside = (time: number | null) => time !== null && time > after && time <= until;
  const inside = facts.filter((one) => isInside(one.finish));
  const { branches, messages } = policy.rework;
  const { rollback, fix } = policy.failures;
  const reworkIsLookedFor = branches.length + messages.length > 0 || rollback !== null || fix.linked !== null;
  const count = (cause: Cause) => inside.filter((one) => one.causes.includes(cause)).length;
  return {
    deployments: inside.length,
    failed: inside.filter((one) => one.causes.length > 0).length,
    failedByCause: {
      pipeline: count('pipeline'),
      rollback: count('rollback'),
      fix: count('fix'),
      incident: count('incident'),
      operator: count('operator'),
    },
    rework: reworkIsLookedFor ? inside.filter((one) => one.rework).length : null,
    recoveries: episodes.filter((one) => isInside(one.end)).map((one) => (one.end ?? 0) - one.start),
    durations: inside.map((one) => one.duration).filter((seconds) => seconds !== null),
  };
}

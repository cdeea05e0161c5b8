/**
 * Section 2: the causes that show that a deployment of one pair has failed. All lists are in order of finish, then number.
 */
import { matches } from './globs.ts';
import type { Deployment, Incident, Policy } from './types.ts';

const succeeded = (deployment: Deployment) => deployment.outcome === 'success';
const commitOf = (deployment: Deployment) => deployment.pipeline.commit;

function sameCommit(one: Deployment, other: Deployment): boolean {
  return commitOf(one) !== '' && commitOf(one) === commitOf(other);
}

/** Each rollback, with the deployment that it undoes. */
export function rollbacksOf(deployments: Deployment[], limit: number | null): Map<Deployment, Deployment> {
  const rollbacks = new Map<Deployment, Deployment>();
  if (limit === null) return rollbacks;
  const undone = new Set<string>();
  const before: Deployment[] = [];
  for (const candidate of deployments.filter(succeeded)) {
    const same = before.filter((earlier) => sameCommit(earlier, candidate));
    const last = same.at(-1);
    const goesForwardAgain = undone.delete(commitOf(candidate));
    if (last && last !== before.at(-1) && !goesForwardAgain && mayGoBack(candidate, same)) {
      const between = before.slice(before.indexOf(last) + 1);
      const failed = between.find(
        (one) => !rollbacks.has(one) && sameBranch(one, candidate) && candidate.finish - one.finish <= limit,
      );
      if (failed) {
        rollbacks.set(candidate, failed);
        for (const one of between) undone.add(commitOf(one));
      }
    }
    before.push(candidate);
  }
  return rollbacks;
}

/** Whether a deployment repeats an earlier one, or was requested as a rollback. */
function mayGoBack(candidate: Deployment, same: Deployment[]): boolean {
  const { event, parent } = candidate.pipeline;
  if (event === 'cron') return false;
  if (event === 'deployment' || event === 'manual' || parent !== 0) return true;
  return same.some((earlier) => repeats(candidate, earlier));
}

function repeats(candidate: Deployment, earlier: Deployment): boolean {
  const one = candidate.pipeline;
  const other = earlier.pipeline;
  if (one.event !== other.event) return false;
  return one.ref !== '' && other.ref !== '' ? one.ref === other.ref : one.branch === other.branch;
}

function sameBranch(one: Deployment, other: Deployment): boolean {
  const [branch, otherBranch] = [one.pipeline.branch, other.pipeline.branch];
  return branch === '' || otherBranch === '' || branch === otherBranch;
}

/** The commits that are reverted by a message. */
export function revertedBy(message: string): string[] {
  if (/^\s*(revert "revert|reapply|revert revert)/iu.test(message)) return [];
  const said = message.matchAll(/\b(?:this reverts commit|revert) ([0-9a-f]{7,})\b/giu);
  return [...said].map((match) => (match[1] ?? '').toLowerCase());
}

export function matchesReworkRules(deployment: Deployment, policy: Policy): boolean {
  const { branch, message } = deployment.pipeline;
  return (
    matches(policy.rework.branches, branch) ||
    policy.rework.messages.some((source) => new RegExp(source, 'iu').test(message))
  );
}

export interface Fixes {
  /** Each linked fix, with the deployments that it fails. */
  linked: Map<Deployment, Deployment[]>;
  byRule: Map<Deployment, Deployment>;
}

export function fixesOf(
  deployments: Deployment[],
  policy: Policy,
  rollbacks: Map<Deployment, Deployment>,
): Fixes {
  const fixes: Fixes = { linked: new Map(), byRule: new Map() };
  const { linked, rule } = policy.failures.fix;
  for (const [index, fix] of deployments.entries()) {
    const before = deployments.slice(0, index);
    if (!succeeded(fix) || before.some((one) => succeeded(one) && sameCommit(one, fix))) continue;
    const shas = revertedBy(fix.pipeline.message);
    if (linked !== null && shas.length > 0) {
      const brought = shas.map((sha) => before.find((one) => succeeded(one) && isCommit(one, sha)));
      const failed = brought.filter((one) => one !== undefined);
      const within = [...new Set(failed)].filter((one) => fix.finish - one.finish <= linked);
      if (within.length > 0) fixes.linked.set(fix, within);
      continue;
    }
    const last = before.at(-1);
    if (rule === null || last === undefined || !matchesReworkRules(fix, policy)) continue;
    const isPlain = !rollbacks.has(last) && revertedBy(last.pipeline.message).length === 0;
    if (succeeded(last) && isPlain && fix.finish - last.finish <= rule) fixes.byRule.set(fix, last);
  }
  return fixes;
}

function isCommit(deployment: Deployment, sha: string): boolean {
  return commitOf(deployment) !== '' && commitOf(deployment).toLowerCase().startsWith(sha);
}

/** Each incident of the pair that had started by t and belongs to a deployment, with that deployment. */
export function incidentsOf(
  deployments: Deployment[],
  incidents: Incident[],
  policy: Policy,
  t: number,
): Map<Incident, Deployment> {
  const belonging = new Map<Incident, Deployment>();
  const limit = policy.failures.incident;
  if (limit === null) return belonging;
  const known = incidents.filter((incident) => incident.start <= t);
  for (const incident of known.sort((a, b) => a.start - b.start)) {
    const other = known.find(
      (one) =>
        belonging.has(one) &&
        (one.end === null || incident.start < one.end) &&
        !isStale(one, incident.start, policy),
    );
    const joined = other && belonging.get(other);
    const last = lastStarted(deployments, incident.start);
    if (joined) belonging.set(incident, joined);
    else if (last && incident.start - last.finish <= limit) belonging.set(incident, last);
  }
  return belonging;
}

export function isStale(incident: Incident, moment: number, policy: Policy): boolean {
  return incident.lastReceipt !== null && moment - incident.lastReceipt > policy.incidents.stale;
}

function lastStarted(deployments: Deployment[], moment: number): Deployment | undefined {
  const startOf = (deployment: Deployment) => deployment.start ?? deployment.finish;
  return deployments
    .filter((deployment) => startOf(deployment) <= moment)
    .sort((a, b) => startOf(a) - startOf(b) || a.pipeline.number - b.pipeline.number)
    .at(-1);
}

/**
 * Rollbacks: a deployment that goes back to a commit deployed before shows that what came in between has failed.
 *
 * The definition follows Datadog's (a version deployed before, other than the one just before; the first version after it
 * has failed: https://docs.datadoghq.com/dora_metrics/). A rollback takes away every commit between; such a commit may go
 * forward again, and is then no rollback.
 */

import type { Deployment } from '../deployment.ts';
import type { Candidate } from './candidate.ts';
import type { DeployedHistory, Manner } from './deployed-history.ts';

/** Whether a successful deployment goes back on purpose. `manners`: how its commit was deployed before. */
export function goesBack(
  candidate: Candidate,
  manners: readonly Manner[],
  history: DeployedHistory,
): boolean {
  const { commit } = candidate;
  return commit !== history.last() && !history.isUndone(commit) && isDeliberate(candidate, manners);
}

/** Somebody asked for it, or it repeats an earlier deployment of its commit. A cron run goes back by itself. */
function isDeliberate(candidate: Candidate, before: readonly Manner[]): boolean {
  const { event, isRestart } = candidate;
  if (event === 'cron') return false;
  if (event === 'deployment' || event === 'manual' || isRestart) return true;
  return before.some((one) => repeats(candidate, one));
}

/** If a ref is unknown, the branches are compared instead. */
function repeats(candidate: Manner, before: Manner): boolean {
  if (candidate.event !== before.event) return false;
  return candidate.ref !== null && before.ref !== null
    ? candidate.ref === before.ref
    : candidate.branch === before.branch;
}

/** A deployment of which it is known what it repairs. */
export type Searched = Candidate & Pick<Deployment, 'repair'>;

export function isRollback({ repair }: Searched): boolean {
  return repair !== null && repair.undoes !== null;
}

/**
 * Number of the deployment that the rollback at `index` undoes: the first after the last deployment of the rollback's
 * commit that is no rollback itself, is of the same branch, and finished at most `withinSeconds` before; `null`: none is.
 * Those in memory begin at index `first`.
 */
export function findUndone(
  deployments: readonly Searched[],
  index: number,
  first: number,
  withinSeconds: number,
): number | null {
  const { at, branch, commit } = deployments[index] as Searched;
  let undone: number | null = null;
  for (let before = index - 1; before >= first; before--) {
    const one = deployments[before] as Searched;
    if (at - one.at > withinSeconds) break;
    if (one.outcome !== 'success') continue;
    if (one.commit === commit) break;
    const isOfBranch = branch === null || one.branch === null || one.branch === branch;
    if (isOfBranch && !isRollback(one)) undone = one.number;
  }
  return undone;
}

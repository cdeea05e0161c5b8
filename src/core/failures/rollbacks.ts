/**
 * Rollbacks: a deployment that goes back to an earlier commit shows that a deployment in between has failed.
 *
 * The definition follows Datadog's (a version deployed before, other than the one just before; the first version after
 * it has failed: https://docs.datadoghq.com/dora_metrics/). A rollback undoes every commit in between. If such a
 * commit is deployed again, it goes forward, and is no rollback.
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

/**
 * Whether somebody asked for the deployment, or it repeats an earlier deployment of its commit. A cron run is never
 * deliberate.
 */
function isDeliberate(candidate: Candidate, before: readonly Manner[]): boolean {
  const { event, isRestart } = candidate;
  if (event === 'cron') return false;
  if (event === 'deployment' || event === 'manual' || isRestart) return true;
  return before.some((one) => repeats(candidate, one));
}

/** Whether event and ref are the same; if a ref is unknown, whether event and branch are. */
function repeats(candidate: Manner, before: Manner): boolean {
  if (candidate.event !== before.event) return false;
  return candidate.ref !== null && before.ref !== null
    ? candidate.ref === before.ref
    : candidate.branch === before.branch;
}

/** A deployment whose repair is known. */
export type Searched = Candidate & Pick<Deployment, 'repair'>;

export function isRollback({ repair }: Searched): boolean {
  return repair !== null && repair.undoes !== null;
}

/**
 * Number of the deployment that the rollback at `index` undoes; `null`: none. It is the first successful deployment
 * after the last one of the rollback's commit that is no rollback itself, has the same branch if both are known, and
 * finished at most `withinSeconds` before. Deployments before index `first` do not count.
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

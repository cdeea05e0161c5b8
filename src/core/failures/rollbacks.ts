/**
 * Rollbacks: a deployment that goes back to a commit deployed before shows that what came in between has failed.
 *
 * The definition follows Datadog's (a version deployed before, other than the one just before; the first version after it
 * has failed: https://docs.datadoghq.com/dora_metrics/). A rollback takes away every commit between; such a commit may go
 * forward again, and is then no rollback.
 */

import type { Candidate } from './candidate.ts';

/** By index of the rollback, the index of the deployment that it undoes. */
export type Rollbacks = ReadonlyMap<number, number>;

/** What is known of the successful deployments of one commit. */
interface Deployed {
  /** Index of the last one. */
  last: number;
  /** Whether a rollback took the commit away since. */
  isUndone: boolean;
  /** Event and ref of each that has a ref; event and branch of each that has none; event and branch of all. */
  readonly refs: Set<string>;
  readonly branchesWithoutRef: Set<string>;
  readonly branches: Set<string>;
}

/**
 * `deployments` are those of one repo and tier, in order. `withinSeconds`: a rollback comes at most this long after the
 * deployment that it undoes; `null`: none is looked for.
 */
export function findRollbacks(
  deployments: readonly Candidate[],
  withinSeconds: number | null,
): Map<number, number> {
  const rollbacks = new Map<number, number>();
  if (withinSeconds === null) return rollbacks;
  const byCommit = new Map<string, Deployed>();
  /** Indexes of successful deployments that no rollback has taken away. */
  const standing: number[] = [];
  for (const [index, candidate] of deployments.entries()) {
    if (candidate.outcome !== 'success') continue;
    const before = byCommit.get(candidate.commit);
    const isBack = before && !before.isUndone && before.last !== standing.at(-1);
    if (isBack && isDeliberate(candidate, before)) {
      const undone = findUndone(deployments, rollbacks, { from: before.last, back: index, withinSeconds });
      if (undone !== null) {
        rollbacks.set(index, undone);
        for (let top = standing.at(-1); top !== undefined && top > before.last; top = standing.at(-1)) {
          standing.pop();
          const taken = byCommit.get(deployments[top]?.commit ?? '');
          if (taken?.last === top) taken.isUndone = true;
        }
      }
    }
    standing.push(index);
    if (candidate.commit !== '') note(byCommit, candidate, index);
  }
  return rollbacks;
}

/** Somebody asked for it, or it repeats an earlier deployment of its commit. A cron run goes back by itself. */
function isDeliberate(candidate: Candidate, before: Deployed): boolean {
  const { event, isRestart } = candidate;
  if (event === 'cron') return false;
  if (event === 'deployment' || event === 'manual' || isRestart) return true;
  if (candidate.ref === null) return before.branches.has(branchOf(candidate));
  return before.refs.has(refOf(candidate)) || before.branchesWithoutRef.has(branchOf(candidate));
}

/** The first deployment after `from` that is no rollback, is of the same branch, and is recent enough. */
function findUndone(
  deployments: readonly Candidate[],
  rollbacks: Rollbacks,
  { from, back, withinSeconds }: { from: number; back: number; withinSeconds: number },
): number | null {
  const { at, branch } = deployments[back] as Candidate;
  for (let index = firstSince(deployments, at - withinSeconds, from + 1); index < back; index++) {
    const one = deployments[index] as Candidate;
    if (one.outcome !== 'success' || rollbacks.has(index)) continue;
    if (branch === null || one.branch === null || one.branch === branch) return index;
  }
  return null;
}

/** The first index from `from` on whose deployment finished at `since` or later. */
export function firstSince(deployments: readonly Candidate[], since: number, from = 0): number {
  let low = from;
  let high = deployments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((deployments[middle]?.at ?? 0) < since) low = middle + 1;
    else high = middle;
  }
  return low;
}

function note(byCommit: Map<string, Deployed>, candidate: Candidate, index: number): void {
  const deployed = byCommit.get(candidate.commit) ?? createDeployed();
  byCommit.set(candidate.commit, deployed);
  deployed.last = index;
  deployed.isUndone = false;
  deployed.branches.add(branchOf(candidate));
  if (candidate.ref === null) deployed.branchesWithoutRef.add(branchOf(candidate));
  else deployed.refs.add(refOf(candidate));
}

function createDeployed(): Deployed {
  return { last: 0, isUndone: false, refs: new Set(), branchesWithoutRef: new Set(), branches: new Set() };
}

function refOf({ event, ref }: Candidate): string {
  return `${event}\n${ref}`;
}

function branchOf({ event, branch }: Candidate): string {
  return `${event}\n${branch}`;
}

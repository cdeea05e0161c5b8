/** Finds the deployment that first brought a commit, by an id that may be abbreviated. */

import { compareText } from '../compare-text.ts';
import type { Candidate } from './candidate.ts';
import type { Past } from './deployed-history.ts';

export interface CommitIndex {
  /** Index of the first successful deployment before `end` that brought the commit; `null`: unknown, or in the past. */
  firstDeploymentOf(id: string, end: number): number | null;
}

const shortestFullId = 40;
const inThePast = -1;

/** Few deployments revert anything, and fewer with an abbreviated id: each index is made at its first question. */
export function createCommitIndex(past: Past, deployments: readonly Candidate[]): CommitIndex {
  let firsts: ReadonlyMap<string, number> | null = null;
  let sorted: readonly (readonly [id: string, first: number])[] | null = null;
  return {
    firstDeploymentOf(id, end) {
      firsts ??= findFirsts(past, deployments);
      let first = firsts.get(id) ?? Number.POSITIVE_INFINITY;
      if (id.length < shortestFullId) {
        sorted ??= [...firsts].sort(([a], [b]) => compareText(a, b));
        for (let at = lowerBound(sorted, id); sorted[at]?.[0].startsWith(id); at++) {
          first = Math.min(first, sorted[at]?.[1] ?? first);
        }
      }
      return first === inThePast || first >= end ? null : first;
    },
  };
}

/** By commit, the index of the first successful deployment that brought it. */
function findFirsts(past: Past, deployments: readonly Candidate[]): Map<string, number> {
  const firsts = new Map<string, number>();
  const note = (commit: string, index: number): void => {
    const id = commit.toLowerCase();
    if (id !== '' && !firsts.has(id)) firsts.set(id, index);
  };
  for (const commit of past.commits.keys()) firsts.set(commit.toLowerCase(), inThePast);
  for (const [index, { outcome, commit, brings }] of deployments.entries()) {
    if (outcome !== 'success') continue;
    note(commit, index);
    for (const id of brings) note(id, index);
  }
  return firsts;
}

function lowerBound(sorted: readonly (readonly [id: string, first: number])[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(sorted[middle]?.[0] ?? '', id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

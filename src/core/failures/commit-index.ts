/** Finds the deployment that first brought a commit, by an id that may be abbreviated. */

import { compareText } from '../compare-text.ts';
import type { Candidate } from './candidate.ts';

export interface CommitIndex {
  /** Index of the first successful deployment before `end` that brought the commit; `null`: none is known. */
  firstDeploymentOf(id: string, end: number): number | null;
}

interface Entry {
  readonly id: string;
  readonly first: number;
}

/** Few deployments revert anything, so the index is made at the first question. */
export function createCommitIndex(deployments: readonly Candidate[]): CommitIndex {
  let entries: readonly Entry[] | null = null;
  return {
    firstDeploymentOf(id, end) {
      entries ??= sortById(deployments);
      let first: number | null = null;
      for (let at = lowerBound(entries, id); entries[at]?.id.startsWith(id); at++) {
        const entry = entries[at] as Entry;
        if (entry.first < end && (first === null || entry.first < first)) first = entry.first;
      }
      return first;
    },
  };
}

function sortById(deployments: readonly Candidate[]): Entry[] {
  const firsts = new Map<string, number>();
  for (const [index, { outcome, commit, brings }] of deployments.entries()) {
    if (outcome !== 'success') continue;
    for (const id of [commit.toLowerCase(), ...brings])
      if (id !== '' && !firsts.has(id)) firsts.set(id, index);
  }
  return [...firsts].map(([id, first]) => ({ id, first })).sort((a, b) => compareText(a.id, b.id));
}

function lowerBound(entries: readonly Entry[], id: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareText(entries[middle]?.id ?? '', id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

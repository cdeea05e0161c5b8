/** A multiset of numbers, read in ascending order. */

import { inOrder, noValues, type Run, runsBeyond, type Values } from './values.ts';

/** Changes are collected and sorted, and merged at the next read, in time linear in the size of the bag. */
export interface SortedBag {
  /** The bag must contain `removed`. */
  exchange(removed: Values, added: Values): void;
  /** All numbers, in one run. */
  values(): Values;
}

export function createSortedBag(): SortedBag {
  let sorted: Values = noValues;
  let removals: number[] = [];
  let additions: number[] = [];
  return {
    exchange(removed, added) {
      for (const run of runsBeyond(removed, added)) for (const value of run) removals.push(value);
      for (const run of runsBeyond(added, removed)) for (const value of run) additions.push(value);
    },
    values() {
      if (removals.length === 0 && additions.length === 0) return sorted;
      const [kept = []] = sorted.runs;
      const merged = merge(kept, inOrder(removals), inOrder(additions));
      sorted = merged.length > 0 ? { runs: [merged], count: merged.length } : noValues;
      removals = [];
      additions = [];
      return sorted;
    },
  };
}

function merge(kept: Run, removed: Run, added: Run): number[] {
  const merged: number[] = [];
  let nextRemoved = 0;
  let nextAdded = 0;
  /** A removed number may have been added since the last read. */
  const put = (value: number): void => {
    if (removed[nextRemoved] === value) nextRemoved++;
    else merged.push(value);
  };
  for (const value of kept) {
    for (let next = added[nextAdded]; next !== undefined && next < value; next = added[++nextAdded])
      put(next);
    put(value);
  }
  for (const value of added.slice(nextAdded)) put(value);
  return merged;
}

/**
 * Numbers in ascending order, some of which come and go. What is added and removed is worked in together when they are
 * next read, in time linear in how many there are.
 */
export interface SortedBag {
  /** Both in ascending order; what is removed must be in it. */
  exchange(removed: readonly number[], added: readonly number[]): void;
  /** All of them, in ascending order. */
  values(): readonly number[];
}

export function createSortedBag(): SortedBag {
  let sorted: readonly number[] = [];
  let removals: number[] = [];
  let additions: number[] = [];
  return {
    exchange(removed, added) {
      for (const value of removed) removals.push(value);
      for (const value of added) additions.push(value);
    },
    values() {
      if (removals.length === 0 && additions.length === 0) return sorted;
      const ascending = (a: number, b: number) => a - b;
      sorted = merge(sorted, removals.sort(ascending), additions.sort(ascending));
      removals = [];
      additions = [];
      return sorted;
    },
  };
}

function merge(kept: readonly number[], removed: readonly number[], added: readonly number[]): number[] {
  const merged: number[] = [];
  let nextRemoved = 0;
  let nextAdded = 0;
  /** What is removed may be among what was added since the last time. */
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

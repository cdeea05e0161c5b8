/** The first of many items in an order; memory contains at most twice as many as are wanted. */

export interface FirstItems<T> {
  add(item: T): void;
  /** In order. */
  items(): readonly T[];
}

export function createFirstItems<T>(most: number, compare: (a: T, b: T) => number): FirstItems<T> {
  let kept: T[] = [];
  const first = (): T[] => kept.sort(compare).slice(0, most);
  return {
    add(item) {
      kept.push(item);
      if (kept.length >= 2 * most) kept = first();
    },
    items: first,
  };
}

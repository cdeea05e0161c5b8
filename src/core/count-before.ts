/**
 * Number of items before the first for which `isBeyond` is true; it must be true for all items after that, too. A caller
 * that knows bounds of the result gives them as `from` and `to`.
 */
export function countBefore<T>(
  items: readonly T[],
  isBeyond: (item: T) => boolean,
  from = 0,
  to = items.length,
): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && isBeyond(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

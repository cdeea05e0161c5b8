/** Sets in a map: a missing set is created when it gets its first item, and an empty one is deleted. */

export function addTo<K, T>(sets: Map<K, Set<T>>, key: K, item: T): void {
  sets.set(key, (sets.get(key) ?? new Set()).add(item));
}

export function removeFrom<K, T>(sets: Map<K, Set<T>>, key: K, item: T): void {
  const items = sets.get(key);
  items?.delete(item);
  if (items?.size === 0) sets.delete(key);
}

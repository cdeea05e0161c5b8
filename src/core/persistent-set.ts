/**
 * A set of texts that only grows, as a value: adding gives another set and leaves this one as it was.
 *
 * Sets that grow from one another share what they hold, so that adding costs as much as what is added; only where two
 * grow from the same one is a copy made.
 */

export interface GrowingSet {
  /** Each text and its place; what is beyond `size` belongs to sets that grew from this one. */
  readonly places: ReadonlyMap<string, number>;
  readonly size: number;
}

export const emptySet: GrowingSet = { places: new Map(), size: 0 };

export function isIn(set: GrowingSet, text: string): boolean {
  const place = set.places.get(text);
  return place !== undefined && place < set.size;
}

/** The same set where it holds all of `texts` already. */
export function withTexts(set: GrowingSet, texts: readonly string[]): GrowingSet {
  const added = texts.filter((text) => !isIn(set, text));
  if (added.length === 0) return set;
  const isLatest = set.size > 0 && set.size === set.places.size;
  const places = isLatest
    ? (set.places as Map<string, number>)
    : new Map([...set.places].filter(([, place]) => place < set.size));
  for (const text of added) if (!places.has(text)) places.set(text, places.size);
  return { places, size: places.size };
}

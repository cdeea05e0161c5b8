/** Merges sorted streams. Memory contains one slice of each. */

import { countBefore } from '../core/count-before.ts';

const sliceLength = 1000;

interface Cursor<T> {
  readonly slices: AsyncIterator<readonly T[]>;
  slice: readonly T[];
  place: number;
}

/** `sources` must be in the order of `compare`; so is the result. The result is cut into new slices. */
export async function* mergeSorted<T>(
  sources: readonly AsyncIterable<readonly T[]>[],
  compare: (a: T, b: T) => number,
): AsyncGenerator<readonly T[]> {
  const [only] = sources;
  if (only && sources.length === 1) {
    yield* only;
    return;
  }
  const cursors = sources.map(
    (source): Cursor<T> => ({ slices: source[Symbol.asyncIterator](), slice: [], place: 0 }),
  );
  /** Sorted in reverse: the last element is the next of the result. */
  const waiting: { readonly cursor: Cursor<T>; readonly head: T }[] = [];
  const queueUp = async (cursor: Cursor<T>): Promise<void> => {
    while (cursor.place >= cursor.slice.length) {
      const { done, value } = await cursor.slices.next();
      if (done) return;
      cursor.slice = value;
      cursor.place = 0;
    }
    const head = cursor.slice[cursor.place] as T;
    const place = countBefore(waiting, (other) => compare(other.head, head) <= 0);
    waiting.splice(place, 0, { cursor, head });
  };
  try {
    for (const cursor of cursors) await queueUp(cursor);
    let merged: T[] = [];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      merged.push(next.head);
      next.cursor.place++;
      await queueUp(next.cursor);
      if (merged.length < sliceLength) continue;
      yield merged;
      merged = [];
    }
    if (merged.length > 0) yield merged;
  } finally {
    for (const { slices } of cursors) await slices.return?.();
  }
}

/** Reads many things from the store in few transactions. */

import type { Ingest, Reading } from '../ingest/ingest.ts';

/** How long a transaction takes, about: each costs some tenths of a millisecond, and writers wait for it. */
const transactionMs = 10;

/** Calls `read` for each item, one after the other. Rejects with `StoreUnavailable`. */
export async function readEach<T>(
  ingest: Pick<Ingest, 'read'>,
  items: readonly T[],
  read: (item: T, pipelines: Reading['pipelines']) => Promise<void>,
): Promise<void> {
  let next = 0;
  while (next < items.length) {
    await ingest.read(async ({ pipelines }) => {
      const end = performance.now() + transactionMs;
      do await read(items[next++] as T, pipelines);
      while (next < items.length && performance.now() < end);
    });
  }
}

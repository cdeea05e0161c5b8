/** A sleep that ends early at a commit: any commit may contain work for a waiting loop. */

import type { Dependencies } from './dependencies.ts';

/**
 * Sleeps `ms` milliseconds, but at least the shortest time. A commit ends the sleep earlier, also a commit between the last
 * sleep and this one. Rejects when aborted.
 */
export type InterruptibleSleep = (ms: number, signal: AbortSignal) => Promise<void>;

export function createInterruptibleSleep(
  { ingest, clock }: Pick<Dependencies, 'ingest' | 'clock'>,
  shortestMs: number,
): InterruptibleSleep {
  let committed = new AbortController();
  ingest.subscribe(() => committed.abort());
  return async (ms, signal) => {
    await clock.sleep(shortestMs, signal);
    try {
      await clock.sleep(Math.max(ms - shortestMs, 0), AbortSignal.any([committed.signal, signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (!committed.signal.aborted) throw error;
    }
    committed = new AbortController();
  };
}

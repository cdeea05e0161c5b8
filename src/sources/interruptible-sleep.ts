/** A sleep that a commit ends early: any commit may bring work for a waiting loop. */

import type { Ingest } from '../ingest/ingest.ts';
import type { Clock } from '../util/clock.ts';

/** Sleeps `ms` milliseconds, or until a commit since the last sleep, but at least the shortest time. Rejects when aborted. */
export type Nap = (ms: number, signal: AbortSignal) => Promise<void>;

export function createNap(
  { ingest, clock }: { readonly ingest: Ingest; readonly clock: Clock },
  shortestMs: number,
): Nap {
  let news = new AbortController();
  ingest.subscribe(() => news.abort());
  return async (ms, signal) => {
    await clock.sleep(shortestMs, signal);
    try {
      await clock.sleep(Math.max(ms - shortestMs, 0), AbortSignal.any([news.signal, signal]));
    } catch (error) {
      signal.throwIfAborted();
      if (!news.signal.aborted) throw error;
    }
    news = new AbortController();
  };
}

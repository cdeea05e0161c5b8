/**
 * Answers that take long to compute. Each is computed once for a version of the state, and shared by all who ask
 * meanwhile and after.
 *
 * Guarantee: an answer contains all changes of the state before the request. For each key, at most one answer waits.
 */

import { createQueue } from '../util/serial-queue.ts';

export type KeptAnswers<T> = (key: string, compute: () => Promise<T>) => Promise<T>;

interface Kept<T> {
  /** Version of the state when the computation began; `null`: it waits for others. */
  version: number | null;
  readonly answer: Promise<T>;
}

/** Computes one answer after the other, and keeps the latest `most`. */
export function createKeptAnswers<T>(version: () => number, most: number): KeptAnswers<T> {
  const kept = new Map<string, Kept<T>>();
  const queue = createQueue();

  const dropOutdated = (): void => {
    for (const [key, one] of kept) if (one.version !== null && one.version !== version()) kept.delete(key);
  };

  return (key, compute) => {
    dropOutdated();
    const known = kept.get(key);
    if (known) return known.answer;
    const one: Kept<T> = {
      version: null,
      answer: queue.run(() => {
        one.version = version();
        return compute();
      }),
    };
    kept.set(key, one);
    one.answer.catch(() => {
      if (kept.get(key) === one) kept.delete(key);
    });
    const [oldest] = kept.keys();
    if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    return one.answer;
  };
}

/**
 * What could not be done for a repo, and when to try again: after a pause that doubles with each time. Pauses outlive no
 * clock that was put back.
 */

import type { Clock } from '../util/clock.ts';

export interface Retries {
  /** How many repos wait for another try. */
  readonly size: number;
  has(repo: number): boolean;
  /** When the repo is to be tried, Unix milliseconds; 0 where nothing stands against it. */
  dueAt(repo: number): number;
  /** Returns how long to wait now, in milliseconds. */
  noteFailure(repo: number): number;
  /** Returns whether it had failed before. */
  noteSuccess(repo: number): boolean;
  /** Forgets all others: there is nothing left to try for them. */
  keepOnly(repos: ReadonlySet<number>): void;
}

export interface RetryPauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

export function createRetries(clock: Clock, { firstMs, longestMs }: RetryPauses): Retries {
  /** By key of the repo. */
  const failed = new Map<number, { readonly pauseMs: number; readonly retryAt: number }>();
  return {
    get size() {
      return failed.size;
    },
    has: (repo) => failed.has(repo),
    dueAt(repo) {
      const retryAt = failed.get(repo)?.retryAt ?? 0;
      // Further off than any pause: the clock was put back.
      return retryAt > clock.now() + longestMs ? 0 : retryAt;
    },
    noteFailure(repo) {
      const pauseMs = Math.min((failed.get(repo)?.pauseMs ?? firstMs / 2) * 2, longestMs);
      failed.set(repo, { pauseMs, retryAt: clock.now() + pauseMs });
      return pauseMs;
    },
    noteSuccess: (repo) => failed.delete(repo),
    keepOnly(repos) {
      for (const repo of failed.keys()) if (!repos.has(repo)) failed.delete(repo);
    },
  };
}

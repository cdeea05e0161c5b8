/**
 * When to try again what failed for a repo: after a pause that doubles with each failure. If the clock is set back, pauses
 * end.
 */

import type { Clock } from '../util/clock.ts';

export interface Retries {
  /** How many repos wait for another try. */
  readonly size: number;
  has(repo: number): boolean;
  /** When to try the repo, Unix milliseconds; 0: now. */
  dueAt(repo: number): number;
  /** Returns the next pause, in milliseconds. */
  noteFailure(repo: number): number;
  /** Returns whether it had failed before. */
  noteSuccess(repo: number): boolean;
  /** Forgets all other repos. */
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
      // Further away than the longest pause: the clock was set back.
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

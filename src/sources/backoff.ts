/**
 * Pauses between the tries of a repo that fails. Each failure doubles the pause, up to a longest one. If the clock is set
 * back, pauses end.
 */

import type { Clock } from '../util/clock.ts';

export interface Backoff {
  /** Number of repos whose last try failed. */
  readonly size: number;
  has(repo: number): boolean;
  /** Time of the next try, in Unix milliseconds; 0: now. */
  dueAt(repo: number): number;
  /** Returns the next pause, in milliseconds. */
  noteFailure(repo: number): number;
  /** Returns whether it had failed before. */
  noteSuccess(repo: number): boolean;
  /** Forgets all other repos. */
  keepOnly(repos: ReadonlySet<number>): void;
}

export interface BackoffPauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

export function createBackoff(clock: Clock, { firstMs, longestMs }: BackoffPauses): Backoff {
  /** By key of the repo. */
  const failed = new Map<number, { readonly pauseMs: number; readonly retryAt: number }>();
  return {
    get size() {
      return failed.size;
    },
    has: (repo) => failed.has(repo),
    dueAt(repo) {
      const retryAt = failed.get(repo)?.retryAt ?? 0;
      // A time beyond the longest pause means that the clock was set back.
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

/**
 * The backlog: repos that must be read, since they are new or could not be read before. They are read in the background. A
 * repo that fails is tried again after a pause that doubles each time, up to ten minutes.
 */

import type { Repo } from '../core/repo.ts';
import { type Ingest, StoreUnavailable } from '../ingest/ingest.ts';
import type { Clock } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { createRetries } from './backoff.ts';
import { createNap } from './interruptible-sleep.ts';
import type { Scans } from './one-scan-per-repo.ts';
import { watchedRepos } from './watched-repos.ts';

export interface Backlog {
  /** How many repos wait. */
  readonly size: number;
  noteSuccess(repo: Repo): void;
  noteFailure(repo: Repo, error: unknown): void;
  /** Keeps reading repos that are due, but not while `isBusy`; rejects when aborted. */
  work(isBusy: () => boolean, signal: AbortSignal): Promise<never>;
}

export interface BacklogOptions {
  readonly ingest: Ingest;
  readonly scans: Scans;
  readonly clock: Clock;
  readonly log: Log;
}

const firstRetryMs = 5_000;
const longestRetryMs = 600_000;
const paceMs = 1_000;
const longestNapMs = 60_000;

export function createBacklog({ ingest, scans, clock, log }: BacklogOptions): Backlog {
  const retries = createRetries(clock, { firstMs: firstRetryMs, longestMs: longestRetryMs });

  const waiting = (): Repo[] =>
    watchedRepos(ingest).filter((repo) => repo.scan.watermark === null || retries.has(repo.key));
  const dueAt = (repo: Repo): number => retries.dueAt(repo.key);
  const backlog: Backlog = {
    get size() {
      return waiting().length;
    },
    noteSuccess(repo) {
      retries.noteSuccess(repo.key);
    },
    noteFailure(repo, error) {
      const isLogged = retries.has(repo.key) || error instanceof StoreUnavailable;
      const pauseMs = retries.noteFailure(repo.key);
      log[isLogged ? 'debug' : 'warn']('Repo could not be brought up to date; will try again', {
        repo: repo.fullName,
        error: describeError(error),
        retry_in_s: pauseMs / 1000,
      });
    },
    async work(isBusy, signal) {
      const nap = createNap({ ingest, clock }, paceMs);
      for (;;) {
        const nextAt = Math.min(...waiting().map(dueAt));
        await nap(Math.min(nextAt - clock.now(), longestNapMs), signal);
        if (isBusy()) continue;
        for (const repo of waiting().filter((one) => dueAt(one) <= clock.now())) {
          try {
            await scans.catchUp(repo.key, 'backfill', signal);
            backlog.noteSuccess(repo);
            log.info('Repo is up to date', { repo: repo.fullName });
          } catch (error) {
            signal.throwIfAborted();
            backlog.noteFailure(repo, error);
          }
        }
      }
    },
  };
  return backlog;
}

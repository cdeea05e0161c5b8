/**
 * Syncs new repos, and repos whose last sync failed, in the background. A repo that fails is tried again after a pause that
 * doubles each time, up to ten minutes.
 */

import type { Repo } from '../core/repo.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { describeError } from '../util/log.ts';
import { createBackoff } from './backoff.ts';
import type { Dependencies } from './dependencies.ts';
import { createSleepUntilCommit } from './interruptible-sleep.ts';
import type { Scans } from './one-scan-per-repo.ts';
import { watchedRepos } from './watched-repos.ts';

export interface SyncQueue {
  /** Number of repos that wait for a sync. */
  readonly size: number;
  noteSuccess(repo: Repo): void;
  noteFailure(repo: Repo, error: unknown): void;
  /** Syncs due repos, but not while `isBusy`. Runs until `signal` is aborted, then rejects with its reason. */
  work(isBusy: () => boolean, signal: AbortSignal): Promise<never>;
}

export interface SyncQueueOptions extends Pick<Dependencies, 'ingest' | 'clock' | 'log'> {
  readonly scans: Scans;
}

const firstRetryMs = 5_000;
const longestRetryMs = 600_000;
const paceMs = 1_000;
const longestSleepMs = 60_000;

export function createSyncQueue({ ingest, scans, clock, log }: SyncQueueOptions): SyncQueue {
  const backoff = createBackoff(clock, { firstMs: firstRetryMs, longestMs: longestRetryMs });

  const waiting = (): Repo[] =>
    watchedRepos(ingest).filter((repo) => repo.scan.watermark === null || backoff.has(repo.key));
  const dueAt = (repo: Repo): number => backoff.dueAt(repo.key);
  const syncQueue: SyncQueue = {
    get size() {
      return waiting().length;
    },
    noteSuccess(repo) {
      backoff.noteSuccess(repo.key);
    },
    noteFailure(repo, error) {
      const isLogged = backoff.has(repo.key) || error instanceof StoreUnavailable;
      const pauseMs = backoff.noteFailure(repo.key);
      log[isLogged ? 'debug' : 'warn']('Repo could not be brought up to date; will try again', {
        repo: repo.fullName,
        error: describeError(error),
        retry_in_s: pauseMs / 1000,
      });
    },
    async work(isBusy, signal) {
      const sleep = createSleepUntilCommit({ ingest, clock }, paceMs);
      for (;;) {
        const nextAt = Math.min(...waiting().map(dueAt));
        await sleep(Math.min(nextAt - clock.now(), longestSleepMs), signal);
        if (isBusy()) continue;
        for (const repo of waiting().filter((one) => dueAt(one) <= clock.now())) {
          try {
            await scans.syncRepo(repo.key, 'backfill', signal);
            syncQueue.noteSuccess(repo);
            log.info('Repo is up to date', { repo: repo.fullName });
          } catch (error) {
            signal.throwIfAborted();
            syncQueue.noteFailure(repo, error);
          }
        }
      }
    },
  };
  return syncQueue;
}

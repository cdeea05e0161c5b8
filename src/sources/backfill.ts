/**
 * Backfills: the one at start, which brings every repo up to date, and those that an operator asks for.
 *
 * Guarantees: one runs at a time; one repo that fails does not stop the others; what was running when the process ended
 * is told as `interrupted`. Repos that failed, or became known later, are brought up to date in the background.
 */

import { randomUUID } from 'node:crypto';
import { type Clock, nowSeconds } from '../clock.ts';
import { isWatched } from '../core/classification.ts';
import { matchesAnyGlobIgnoringCase } from '../core/glob.ts';
import type { Repo } from '../core/repo.ts';
import { type Ingest, StoreUnavailable } from '../ingest.ts';
import { describeError, type Log } from '../log.ts';
import type { WoodpeckerClient } from '../woodpecker/client.ts';
import type { CatchUp } from './catch-up.ts';
import { addCounts, type Counts, noCounts } from './intake.ts';
import { createNap } from './nap.ts';
import { discoverRepos, WoodpeckerReplaced } from './repo-discovery.ts';

export interface BackfillRequest {
  /** Unix seconds; `null`: what a first backfill reaches back to. */
  readonly since: number | null;
  readonly until: number | null;
  /** Globs; `null`: all that the policy watches. */
  readonly repos: readonly string[] | null;
  readonly isDry: boolean;
}

export interface BackfillSummary {
  readonly id: string;
  readonly state: 'running' | 'done' | 'failed' | 'interrupted';
  /** ISO 8601; `null` while running. */
  readonly started: string;
  readonly finished: string | null;
  readonly dry_run: boolean;
  /** Repos that were gone through so far. */
  readonly repos: number;
  readonly pipelines: Counts;
  readonly errors: readonly { readonly repo: string; readonly message: string }[];
}

export type StartResult =
  | { readonly ok: true; readonly id: string; readonly done: Promise<BackfillSummary> }
  | { readonly ok: false; readonly runningId: string | null };

export interface Backfill {
  /** Refuses while one is running (its id is told), and where there is no Woodpecker to ask. */
  start(request: BackfillRequest): Promise<StartResult>;
  /** Newest first. */
  list(): Promise<readonly BackfillSummary[]>;
  get(id: string): Promise<BackfillSummary | null>;
  readonly running: BackfillSummary | null;
}

export interface BackfillRunner extends Backfill {
  /** Brings every repo up to date once; fulfils when each was tried. Rejects with `WoodpeckerReplaced` and when aborted. */
  atStart(): Promise<void>;
  /** How many repos wait to be brought up to date. */
  readonly backlog: number;
  /** Brings up to date what failed or is new, again and again; rejects when aborted. */
  inBackground(): Promise<never>;
}

export interface BackfillOptions {
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly catchUp: CatchUp;
  readonly clock: Clock;
  readonly log: Log;
  readonly historySeconds: number | null;
  readonly signal: AbortSignal;
  readonly onRunning?: (isRunning: boolean) => void;
}

const reposAtOnce = 4;
const progressEveryMs = 10_000;
const rememberedBackfills = 50;
const firstRetryMs = 5_000;
const longestRetryMs = 600_000;
const backgroundPaceMs = 1_000;
const longestNapMs = 60_000;

/** What a service without a Woodpecker answers: there is nothing to read. */
export const noBackfill: Backfill = {
  start: async () => ({ ok: false, runningId: null }),
  list: async () => [],
  get: async () => null,
  running: null,
};

export function createBackfill(options: BackfillOptions): BackfillRunner {
  const { ingest, client, catchUp, clock, log, historySeconds, signal, onRunning } = options;
  let running: BackfillSummary | null = null;
  const failed = new Map<number, { pauseMs: number; retryAt: number }>();

  /** Keeps a summary. One that cannot be kept decides nothing: the backfill itself goes on. */
  const save = async (summary: BackfillSummary): Promise<void> => {
    const { id, started } = summary;
    const stored = { id, startedAtMs: Date.parse(started), summary: JSON.stringify(summary) };
    try {
      await ingest.submit(async ({ tx }) => {
        await tx.backfills.put(stored);
        await tx.backfills.keepNewest(rememberedBackfills);
      });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      log.debug('Summary of a backfill could not be stored', { id, error: describeError(error) });
    }
  };
  const recall = async (): Promise<BackfillSummary[]> => {
    const stored = await ingest.read((rows) => rows.backfills.newest(rememberedBackfills));
    return stored.map(({ summary }) => {
      const parsed = JSON.parse(summary) as BackfillSummary;
      if (parsed.id === running?.id) return running;
      return parsed.state === 'running' ? { ...parsed, state: 'interrupted' } : parsed;
    });
  };

  /** Discovers the repos and goes through those wanted with `work`. */
  const run = async (
    begun: BackfillSummary,
    discover: () => Promise<readonly Repo[]>,
    work: (repo: Repo) => Promise<Counts>,
  ): Promise<BackfillSummary> => {
    let summary = begun;
    const update = (change: Partial<BackfillSummary>): void => {
      summary = { ...summary, ...change };
      running = summary;
    };
    let progressAt = clock.now() + progressEveryMs;
    try {
      await save(summary);
      const wanted = await discover();
      log.info('Backfill begins', { id: summary.id, repos: wanted.length });
      await forEachAtOnce(reposAtOnce, wanted, async (repo) => {
        try {
          const counts = await work(repo);
          update({ pipelines: addCounts(summary.pipelines, counts) });
          failed.delete(repo.key);
        } catch (error) {
          signal.throwIfAborted();
          noteFailure(repo, error);
          update({ errors: [...summary.errors, { repo: repo.fullName, message: describeError(error) }] });
        }
        update({ repos: summary.repos + 1 });
        if (clock.now() < progressAt) return;
        progressAt = clock.now() + progressEveryMs;
        const { scanned } = summary.pipelines;
        log.info('Backfill goes on', {
          id: summary.id,
          repos: `${summary.repos}/${wanted.length}`,
          pipelines: scanned,
        });
        await save(summary);
      });
      update({ state: 'done', finished: isoNow(clock) });
    } catch (error) {
      signal.throwIfAborted();
      const failure = { repo: '*', message: describeError(error) };
      update({ state: 'failed', finished: isoNow(clock), errors: [...summary.errors, failure] });
      if (error instanceof WoodpeckerReplaced) throw error;
      log.error('Backfill failed', { id: summary.id, error: failure.message });
    } finally {
      running = null;
      onRunning?.(false);
    }
    await save(summary);
    const { pipelines, errors } = summary;
    const fields = { id: summary.id, repos: summary.repos, ...pipelines, errors: errors.length };
    if (summary.state === 'done') log.info('Backfill is done', fields);
    return summary;
  };

  /** Asks again and again, whatever stands in the way: Woodpecker, its token, the store. */
  const untilAnswered = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (let pauseMs = firstRetryMs; ; pauseMs = Math.min(pauseMs * 2, longestRetryMs / 10)) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof WoodpeckerReplaced) throw error;
        log.debug('Woodpecker cannot be asked for its repos; will try again', {
          error: describeError(error),
        });
        await clock.sleep(pauseMs, signal);
      }
    }
  };

  const begin = (isDry: boolean): BackfillSummary => {
    running = {
      id: randomUUID(),
      state: 'running',
      started: isoNow(clock),
      finished: null,
      dry_run: isDry,
      repos: 0,
      pipelines: noCounts,
      errors: [],
    };
    onRunning?.(true);
    return running;
  };

  const noteFailure = (repo: Repo, error: unknown): void => {
    const before = failed.get(repo.key);
    const pauseMs = Math.min((before?.pauseMs ?? firstRetryMs / 2) * 2, longestRetryMs);
    failed.set(repo.key, { pauseMs, retryAt: clock.now() + pauseMs });
    const isTold = before !== undefined || error instanceof StoreUnavailable;
    log[isTold ? 'debug' : 'warn']('Repo could not be brought up to date; will try again', {
      repo: repo.fullName,
      error: describeError(error),
      retry_in_s: pauseMs / 1000,
    });
  };

  /** Repos that are not up to date: new ones, and those that failed. */
  const waiting = (): Repo[] =>
    [...ingest.state.repos.values()].filter(
      (repo) =>
        repo.woodpeckerId !== null &&
        !repo.isGone &&
        (repo.scan.watermark === null || failed.has(repo.key)) &&
        isWatched(ingest.mode.policy, repo.fullName),
    );
  const dueAt = (repo: Repo): number => {
    const retryAt = failed.get(repo.key)?.retryAt ?? 0;
    // Further off than any pause: the clock was put back.
    return retryAt > clock.now() + longestRetryMs ? 0 : retryAt;
  };

  return {
    get running() {
      return running;
    },
    get backlog() {
      return waiting().length;
    },
    async start({ since, until, repos, isDry }) {
      if (running) return { ok: false, runningId: running.id };
      const summary = begin(isDry);
      const from = since ?? (historySeconds === null ? 0 : nowSeconds(clock) - historySeconds);
      const discover = async () =>
        (await discoverRepos({ ingest, client, clock }, signal)).filter(
          (repo) => repos === null || matchesAnyGlobIgnoringCase(repos, repo.fullName),
        );
      const done = run(summary, discover, async (repo) => {
        const isNew = ingest.state.repos.get(repo.key)?.scan.watermark === null;
        const first = isNew && !isDry ? await catchUp.catchUp(repo.key, 'backfill', signal) : noCounts;
        const range = { since: from, until };
        return addCounts(first, await catchUp.readRange(repo.key, range, isDry, signal));
      });
      done.catch((error) => {
        if (!signal.aborted) log.error('Backfill failed', { id: summary.id, error: describeError(error) });
      });
      return { ok: true, id: summary.id, done };
    },
    list: recall,
    async get(id) {
      if (running?.id === id) return running;
      return (await recall()).find((summary) => summary.id === id) ?? null;
    },

    async atStart() {
      const discover = () => untilAnswered(() => discoverRepos({ ingest, client, clock }, signal));
      await run(begin(false), discover, (repo) => catchUp.catchUp(repo.key, 'backfill', signal));
    },
    async inBackground() {
      const nap = createNap({ ingest, clock }, backgroundPaceMs);
      for (;;) {
        const nextAt = Math.min(...waiting().map(dueAt));
        await nap(Math.min(nextAt - clock.now(), longestNapMs), signal);
        if (running) continue;
        for (const repo of waiting().filter((one) => dueAt(one) <= clock.now())) {
          try {
            await catchUp.catchUp(repo.key, 'backfill', signal);
            failed.delete(repo.key);
            log.info('Repo is up to date', { repo: repo.fullName });
          } catch (error) {
            signal.throwIfAborted();
            noteFailure(repo, error);
          }
        }
      }
    },
  };
}

function isoNow(clock: Clock): string {
  return new Date(clock.now()).toISOString();
}

/** Works through `items` with at most `limit` under way; the first that throws ends it once those have settled. */
async function forEachAtOnce<T>(
  limit: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  const settled = await Promise.allSettled(Array.from({ length: limit }, worker));
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}

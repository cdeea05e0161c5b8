/**
 * Backfills: at start, for every repo, and on an operator's request.
 *
 * Guarantees: one runs at a time; if a repo fails, the others go on and the sync queue tries the repo again.
 */

import { matchesAnyGlobIgnoringCase } from '../core/glob.ts';
import type { Repo } from '../core/repo.ts';
import { nowSeconds } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { counted } from '../util/pluralize.ts';
import {
  type BackfillEntry,
  type BackfillJournal,
  type BackfillSummary,
  createBackfillJournal,
} from './backfill-journal.ts';
import type { Dependencies } from './dependencies.ts';
import type { Scans } from './one-scan-per-repo.ts';
import { discoverRepos, WoodpeckerReplaced } from './repo-discovery.ts';
import { addCounts, type Counts, noCounts } from './store-page.ts';
import { createSyncQueue } from './sync-queue.ts';

export type { BackfillSummary };

export interface BackfillRequest {
  /** Unix seconds; `null`: as far back as a first backfill. */
  readonly since: number | null;
  readonly until: number | null;
  /** Globs; `null`: all watched repos. */
  readonly repos: readonly string[] | null;
  readonly isDry: boolean;
}

export type StartResult =
  | { readonly ok: true; readonly id: string; readonly done: Promise<BackfillSummary> }
  | { readonly ok: false; readonly runningId: string | null };

export interface Backfill extends Pick<BackfillJournal, 'running' | 'list' | 'get'> {
  /** Refuses if one is running, and returns its id. Refuses without an id if there is no Woodpecker. */
  start(request: BackfillRequest): Promise<StartResult>;
}

export interface BackfillRunner extends Backfill {
  /** Syncs every repo once; fulfils when all were tried. Rejects with `WoodpeckerReplaced`, or when aborted. */
  atStart(): Promise<void>;
  /** Number of repos that wait for a sync. */
  readonly backlog: number;
  /** Keeps syncing new and failed repos; rejects when aborted. */
  inBackground(): Promise<never>;
}

export interface BackfillOptions extends Omit<Dependencies, 'onEvent'> {
  readonly scans: Scans;
  readonly historySeconds: number | null;
  readonly signal: AbortSignal;
  readonly onRunning?: (isRunning: boolean) => void;
}

const reposAtOnce = 4;
const progressEveryMs = 10_000;
const firstRetryMs = 5_000;
const longestRetryMs = 60_000;

/** The backfill of a service without a Woodpecker: it refuses. */
export const noBackfill: Backfill = {
  start: async () => ({ ok: false, runningId: null }),
  list: async () => [],
  get: async () => null,
  running: null,
};

export function createBackfill(options: BackfillOptions): BackfillRunner {
  const { ingest, client, scans, clock, log, historySeconds, signal, onRunning } = options;
  const journal = createBackfillJournal({ ingest, clock, log, onRunning });
  const syncQueue = createSyncQueue({ ingest, scans, clock, log });

  /** Discovers the repos and does `work` for each. With an operator's `request`, the summary may get a message. */
  const run = async (
    entry: BackfillEntry,
    discover: () => Promise<readonly Repo[]>,
    work: (repo: Repo) => Promise<Counts>,
    request: BackfillRequest | null = null,
  ): Promise<BackfillSummary> => {
    const { id } = entry.summary;
    const noteError = (repo: string, error: unknown): void =>
      entry.update({ errors: [...entry.summary.errors, { repo, message: describeError(error) }] });
    let progressAt = clock.now() + progressEveryMs;
    try {
      await entry.save();
      const wanted = await discover();
      log.info('Backfill begins', { id, repos: wanted.length });
      await forEachAtOnce(reposAtOnce, wanted, async (repo) => {
        try {
          const counts = await work(repo);
          entry.update({ pipelines: addCounts(entry.summary.pipelines, counts) });
          syncQueue.noteSuccess(repo);
        } catch (error) {
          signal.throwIfAborted();
          syncQueue.noteFailure(repo, error);
          noteError(repo.fullName, error);
        }
        entry.update({ repos: entry.summary.repos + 1 });
        if (clock.now() < progressAt) return;
        progressAt = clock.now() + progressEveryMs;
        const { repos, pipelines } = entry.summary;
        const fields = { id, repos: `${repos}/${wanted.length}`, pipelines: pipelines.scanned };
        log.info('Backfill goes on', fields);
        await entry.save();
      });
      entry.finish('done', request && messageOf(request, wanted.length, entry.summary));
    } catch (error) {
      if (signal.aborted) entry.finish('interrupted');
      signal.throwIfAborted();
      noteError('*', error);
      entry.finish('failed');
      await entry.save();
      if (error instanceof WoodpeckerReplaced) throw error;
      log.error('Backfill failed', { id, error: describeError(error) });
      return entry.summary;
    }
    await entry.save();
    const { repos, pipelines, errors, message } = entry.summary;
    log.info('Backfill is done', { id, repos, ...pipelines, errors: errors.length, message });
    return entry.summary;
  };

  /** Tries until it succeeds, also after errors of the token or the store. */
  const untilAnswered = async <T>(ask: () => Promise<T>): Promise<T> => {
    for (let pauseMs = firstRetryMs; ; pauseMs = Math.min(pauseMs * 2, longestRetryMs)) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof WoodpeckerReplaced) throw error;
        log.debug("Woodpecker's repos cannot be read; will try again", {
          error: describeError(error),
        });
        await clock.sleep(pauseMs, signal);
      }
    }
  };

  return {
    get running() {
      return journal.running;
    },
    list: journal.list,
    get: journal.get,
    get backlog() {
      return syncQueue.size;
    },
    async start(request) {
      const { since, until, repos, isDry } = request;
      if (journal.running) return { ok: false, runningId: journal.running.id };
      const entry = journal.begin(isDry);
      const { id } = entry.summary;
      const from = since ?? (historySeconds === null ? 0 : nowSeconds(clock) - historySeconds);
      const discover = async () =>
        (await discoverRepos({ ingest, client, clock }, signal)).filter(
          (repo) => repos === null || matchesAnyGlobIgnoringCase(repos, repo.fullName),
        );
      const work = async (repo: Repo): Promise<Counts> => {
        const isNew = ingest.state.repos.get(repo.key)?.scan.watermark === null;
        const first = isNew && !isDry ? await scans.syncRepo(repo.key, 'backfill', signal) : noCounts;
        const range = { since: from, until };
        return addCounts(first, await scans.rescanRange(repo.key, range, isDry, signal));
      };
      const done = run(entry, discover, work, request);
      done.catch((error) => {
        if (!signal.aborted) log.error('Backfill failed', { id, error: describeError(error) });
      });
      return { ok: true, id, done };
    },
    async atStart() {
      const discover = () => untilAnswered(() => discoverRepos({ ingest, client, clock }, signal));
      await run(journal.begin(false), discover, (repo) => scans.syncRepo(repo.key, 'backfill', signal));
    },
    inBackground: () => syncQueue.work(() => journal.running !== null, signal),
  };
}

/** The note beside the counts; `null`: the counts say everything. */
function messageOf(
  { repos, isDry }: BackfillRequest,
  reposRead: number,
  { pipelines, errors }: BackfillSummary,
): string | null {
  if (reposRead === 0) {
    return repos === null ? 'There is no repo to read' : `No watched repo matches ${listed(repos)}`;
  }
  if (errors.length === reposRead) return null;
  if (pipelines.scanned === 0) return 'No pipeline was created in this time';
  return isDry ? `Dry run: ${counted(pipelines.stored, 'pipeline')} would be stored, nothing was` : null;
}

function listed(globs: readonly string[]): string {
  const more = globs.length - 3;
  return `${globs.slice(0, 3).join(', ')}${more > 0 ? ` and ${more} more` : ''}`.slice(0, 200);
}

/** Processes `items`, at most `limit` at once. A worker stops at an error, the others go on; then rejects with an error. */
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

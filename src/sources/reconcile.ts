/**
 * Reconciliation: finds pipelines that webhook and stream have missed. If nothing happens, its cost does not grow with the
 * number of repos that the token's user may push to.
 *
 * One list contains the newest pipeline of each of these repos, another the newest fifty of all of them. A repo is read only
 * if they show something unknown. The repos in neither list are visited in turn: a full turn takes at most an hour.
 */

import { isEnded } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { NotFound, Unauthorized, Unavailable } from '../woodpecker/client.ts';
import type { Listed } from '../woodpecker/lists.ts';
import type { WireNewest, WireRepo } from '../woodpecker/wire.ts';
import { createFeedChecker } from './check-feed.ts';
import type { Dependencies } from './dependencies.ts';
import { createInterruptibleSleep } from './interruptible-sleep.ts';
import type { Scans } from './one-scan-per-repo.ts';
import { WoodpeckerReplaced } from './repo-discovery.ts';
import { createRepoLifecycle } from './repo-lifecycle.ts';
import { createStrangers } from './strangers.ts';
import { createVisitsInTurn } from './visits-in-turn.ts';
import { isWatchedRepo } from './watched-repos.ts';

export interface Reconciliation {
  /** Runs rounds until aborted, then rejects with the signal's reason. Rejects earlier with `WoodpeckerReplaced`. */
  run(signal: AbortSignal): Promise<never>;
  /** Starts the next round at once. Call it after the stream has reconnected, since it may have missed events. */
  runNow(): void;
  /** Requests an unknown repo in a round that begins soon. `woodpeckerId`: Woodpecker's id of the repo. */
  lookFor(woodpeckerId: number, signal: AbortSignal): void;
  /** Runs one round. Rejects as the client and the store do. */
  round(signal: AbortSignal): Promise<void>;
}

export interface ReconciliationOptions extends Dependencies {
  readonly scans: Scans;
  /** 0: rounds run only on `runNow` and `lookFor`. */
  readonly intervalSeconds: number;
  /** Called if repos are new: an open stream shows only the repos that existed when it was opened. */
  readonly onNewRepos: () => void;
  readonly onRound: () => void;
}

const retryMs = 30_000;
/** Shortest time between reconnections of the stream while an administrator's list still grows. */
const reopenStreamMs = 10 * 60_000;
/** About 23 days. Node's timers cannot be much longer. */
const foreverMs = 2_000_000_000;

export function createReconciliation(options: ReconciliationOptions): Reconciliation {
  const { ingest, client, scans, clock, log, onEvent, intervalSeconds, onNewRepos, onRound } = options;
  const lifecycle = createRepoLifecycle({ ingest, client, clock, log, onNewRepos });
  const checkFeed = createFeedChecker({ ingest, client, clock, onEvent });
  const { sleep, interrupt } = createInterruptibleSleep(clock);
  const strangers = createStrangers({ ingest, client, clock, onDue: interrupt });
  /** Keys of the repos whose last scan failed: its pipelines stay pending until a scan succeeds. */
  const failing = new Set<number>();
  /** Ids of the repos in the user's list, if it contains newest pipelines. */
  let listedWithNewest: ReadonlySet<number> = new Set();
  /** The newest pipeline of each repo when it was last found known, as text, by Woodpecker's id of the repo. */
  const knownNewest = new Map<number, string>();
  /** Whether the user's list has grown since the stream was opened. */
  let isStreamBehind = false;
  /** When the stream was last reopened for a grown list, in Unix milliseconds. */
  let reopenedAt = 0;

  /** Reads the unknown pipelines of a repo. Logs a failure of the repo; rejects only if aborted or if the store fails. */
  const closeGap = async (repo: Repo, signal: AbortSignal): Promise<void> => {
    try {
      await scans.syncRepo(repo.key, 'reconcile', signal);
      if (failing.delete(repo.key)) log.info('Repo can be read again', { repo: repo.fullName });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof StoreUnavailable) throw error;
      if (error instanceof NotFound) lifecycle.noteMissing(repo);
      else if (!failing.has(repo.key)) {
        failing.add(repo.key);
        log.warn('Repo cannot be read now; will keep trying', {
          repo: repo.fullName,
          error: describeError(error),
        });
      }
    }
  };

  /** Whether the newest pipeline of a repo is new, changed, or above a gap. */
  const isAhead = async (repo: Repo, last: WireNewest): Promise<boolean> => {
    if (repo.scan.watermark === null) return false; // Its first backfill comes first.
    const isBeforeHorizon = last.created - ingest.state.clockAhead <= (repo.horizon ?? 0);
    if (isBeforeHorizon && isEnded(last.status)) return false;
    if (last.number > repo.scan.watermark) return true;
    const known = await ingest.read((rows) => rows.pipelines.get(repo.key, last.number));
    if (!known || known.record.id !== last.id) return true;
    return known.record.status !== last.status || known.record.updatedAt < last.updated;
  };

  /** Notes the user's list, and reads each repo whose newest pipeline is unknown or has changed. */
  const checkListed = async (list: Listed<WireRepo>, signal: AbortSignal): Promise<void> => {
    isStreamBehind = (await lifecycle.noteList(list)) || isStreamBehind;
    const yieldToEventLoop = createEventLoopYield();
    const readable = new Set<number>();
    // No row has a newest pipeline if the server is older than 3.1, or if no repo has pipelines.
    let showsNewest = false;
    for (const { id, last_pipeline: last, oddPipeline } of list.rows) {
      await yieldToEventLoop();
      if (id && oddPipeline === null) readable.add(id);
      showsNewest ||= last !== null;
      const repo = id ? ingest.state.repoById(id) : null;
      if (!id || !repo || !last) continue;
      const newest = `${last.id} ${last.number} ${last.status} ${last.updated}`;
      if (knownNewest.get(id) === newest) continue;
      if (await isAhead(repo, last)) await closeGap(repo, signal);
      else if (repo.scan.watermark !== null) knownNewest.set(id, newest);
    }
    listedWithNewest = showsNewest ? readable : new Set();
  };

  const visits = createVisitsInTurn({ ingest, clock, lifecycle, intervalSeconds, visit: closeGap });

  const reopenStream = (): void => {
    if (!isStreamBehind) return;
    if (visits.isIntroducing && clock.now() - reopenedAt < reopenStreamMs) return;
    isStreamBehind = false;
    reopenedAt = clock.now();
    onNewRepos();
  };

  const round: Reconciliation['round'] = async (signal) => {
    const { admin } = await client.user(signal);
    if (!admin) lifecycle.expectKnown();
    await strangers.ask(signal);
    await checkListed(await client.repos(false, signal), signal);
    strangers.noteListed();
    for (const key of [...failing]) {
      const repo = ingest.state.repos.get(key);
      if (repo && isWatchedRepo(ingest, repo)) await closeGap(repo, signal);
    }
    await checkFeed(await client.feed(signal), signal);
    await visits.round(admin, (id) => listedWithNewest.has(id), signal);
    reopenStream();
    onRound();
  };

  return {
    round,
    runNow: interrupt,
    lookFor: strangers.lookFor,
    async run(signal) {
      const intervalMs = intervalSeconds === 0 ? foreverMs : intervalSeconds * 1000;
      let pauseMs = intervalMs;
      for (;;) {
        await sleep(pauseMs, signal);
        try {
          await round(signal);
          pauseMs = intervalMs;
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof WoodpeckerReplaced) throw error;
          // `woodpecker/health.ts` and the store's health check log these once.
          const isLoggedElsewhere =
            error instanceof Unavailable ||
            error instanceof Unauthorized ||
            error instanceof StoreUnavailable;
          log[isLoggedElsewhere ? 'debug' : 'warn']('Reconciliation will be tried again', {
            error: describeError(error),
          });
          pauseMs = Math.min(retryMs, intervalMs);
        }
      }
    },
  };
}

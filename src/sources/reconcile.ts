/**
 * Reconciliation: finds what webhook and stream have missed. While nothing happens, its cost does not grow with the number
 * of repos that the token's user may push to.
 *
 * Two requests list the newest pipeline of each of these repos, and the newest fifty over all of them. A repo is read only
 * if they show something unknown. Repos missing from both lists are visited in turn: a full turn takes at most an hour.
 */

import { isInFuture } from '../core/clock-skew.ts';
import { isEnded } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { StoreUnavailable } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { NotFound, pageSize, Unauthorized, Unavailable } from '../woodpecker/client.ts';
import { createdAt, type WirePipeline, type WireRepo } from '../woodpecker/wire.ts';
import { createFeedNews } from './check-feed.ts';
import type { Scans } from './one-scan-per-repo.ts';
import { WoodpeckerReplaced } from './repo-discovery.ts';
import { createPresence } from './repo-lifecycle.ts';
import type { Intake } from './store-page.ts';
import { type AskableRepo, watchedRepos } from './watched-repos.ts';

export interface Reconciliation {
  /** Runs round after round until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** Has the next round begin at once: the stream was connected anew, so something may have been missed. */
  hurry(): void;
  /**
   * Asks for an unknown repo by itself, with the next round, which begins soon. Woodpecker then gives the user a permission
   * row for it, without which the user's list never shows a repo that somebody else has activated.
   */
  lookFor(woodpeckerId: number, signal: AbortSignal): void;
  /** One round. Rejects as the client does. */
  round(signal: AbortSignal): Promise<void>;
}

export interface ReconciliationOptions extends Intake {
  readonly scans: Scans;
  readonly clock: Clock;
  readonly log: Log;
  /** 0: only when hurried. */
  readonly intervalSeconds: number;
  /** Told of repos that the stream's connection cannot hear of yet. */
  readonly onNewRepos: () => void;
  readonly onRound: () => void;
}

/** The longest time between two visits of a repo that no list shows. */
const turnSeconds = 3600;
/** Visits in a round, however few repos there are. */
const fewestVisits = 3;
const retryMs = 30_000;
/** Repos that appear together are looked for together. */
const lookSoonMs = 2_000;
/** Longest time a timer can hold. */
const foreverMs = 2_000_000_000;

export function createReconciliation(options: ReconciliationOptions): Reconciliation {
  const { ingest, client, scans, clock, log, onEvent, intervalSeconds, onNewRepos, onRound } = options;
  const presence = createPresence({ ingest, client, clock, log, onNewRepos });
  const takeFeed = createFeedNews({ ingest, client, clock, onEvent });
  /** Repos whose last scan was cut off: what it has brought is held until one comes through. */
  const failing = new Set<number>();
  /** Ids of the repos that the user's list brings with their newest pipelines. */
  let broughtWithNewest: ReadonlySet<number> = new Set();
  /** When a repo was last visited in its turn, in Unix seconds: one that cannot be read must not keep others waiting. */
  const visitedAt = new Map<number, number>();
  /** Keys of the repos that an administrator's token has asked for by themselves. */
  const introduced = new Set<number>();
  const roundsInTurn = intervalSeconds === 0 ? 1 : Math.max(1, Math.floor(turnSeconds / intervalSeconds));
  /** How many of `count` are due in one round of a turn. Rounds without an interval come too seldom to visit them all. */
  const dueOf = (count: number) =>
    intervalSeconds === 0 ? fewestVisits : Math.max(fewestVisits, Math.ceil(count / roundsInTurn));
  /** Ids of unknown repos to ask for by themselves. */
  const wanted = new Set<number>();
  let hurried = new AbortController();

  const askForWanted = async (signal: AbortSignal): Promise<void> => {
    for (const id of wanted) {
      try {
        await client.repo(id, signal);
      } catch (error) {
        if (!(error instanceof NotFound || error instanceof Unauthorized)) throw error;
      }
      wanted.delete(id);
    }
  };

  /** Reads what a repo has that is not known. One that fails does not stop the others. */
  const closeGap = async (repo: Repo, signal: AbortSignal): Promise<void> => {
    try {
      await scans.catchUp(repo.key, 'reconcile', signal);
      if (failing.delete(repo.key)) log.info('Repo can be read again', { repo: repo.fullName });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotFound) presence.miss(repo);
      else if (!failing.has(repo.key)) {
        failing.add(repo.key);
        log.warn('Repo cannot be read now; will keep trying', {
          repo: repo.fullName,
          error: describeError(error),
        });
      }
    }
  };

  /** Whether the newest pipeline of a repo is news, or stands above a gap. */
  const isAhead = async (repo: Repo, last: WirePipeline): Promise<boolean> => {
    if (repo.scan.watermark === null) return false; // Its first backfill is still to come.
    const isBeforeHorizon = createdAt(last) <= (repo.horizon ?? 0);
    if (isBeforeHorizon && isEnded(last.status)) return false;
    if (last.number > repo.scan.watermark) return true;
    const known = await ingest.read((rows) => rows.pipelines.get(repo.key, last.number));
    if (!known || known.record.id !== last.id) return true;
    return known.record.status !== last.status || known.record.updatedAt < (last.updated || last.updated_at);
  };

  /** Takes in the user's list, and reads the repos whose newest pipelines are news. */
  const checkListed = async (wires: readonly WireRepo[], signal: AbortSignal): Promise<void> => {
    await presence.takeList(wires);
    for (const { id, last_pipeline: last } of wires) {
      const repo = id ? ingest.state.repoById(id) : null;
      if (repo && last && (await isAhead(repo, last))) await closeGap(repo, signal);
    }
    // Servers before 3.1 bring no newest pipelines; of a repo that never ran any there is none either.
    const bringsNewest = wires.some((wire) => wire.last_pipeline);
    broughtWithNewest = new Set(bringsNewest ? wires.flatMap((wire) => wire.id ?? []) : []);
  };

  /** Visits repos that no list shows: missing repos first, then the least recently scanned. */
  const visitInTurn = async (isAdmin: boolean, signal: AbortSignal): Promise<void> => {
    const missed = presence.missed();
    let left = dueOf(watchedRepos(ingest).length - broughtWithNewest.size);
    if (isAdmin) {
      const pages = Math.ceil(watchedRepos(ingest).length / pageSize / roundsInTurn);
      for (let page = 0; page < Math.max(1, pages); page++) await presence.takeNextPage(signal);
      left -= left === fewestVisits ? 1 : 0;
    }
    for (const repo of missed.slice(0, left)) await presence.ask(repo, signal);
    left -= Math.min(left, missed.length);
    const unlisted = watchedRepos(ingest).filter(
      (repo) =>
        !broughtWithNewest.has(repo.woodpeckerId) && !presence.isMissed(repo) && repo.scan.watermark !== null,
    );
    const lastAt = ({ key, scan }: Repo) => {
      const scannedAt = scan.scannedAt ?? 0;
      return Math.max(isInFuture(scannedAt, nowSeconds(clock)) ? 0 : scannedAt, visitedAt.get(key) ?? 0);
    };
    unlisted.sort((a, b) => lastAt(a) - lastAt(b));
    for (const repo of unlisted.slice(0, left)) {
      visitedAt.set(repo.key, nowSeconds(clock));
      if (isAdmin) await introduce(repo, signal);
      await closeGap(repo, signal);
    }
  };

  /**
   * Asks for a repo by itself, once: Woodpecker then gives the user a permission row for it, if the forge lets the user see
   * it, and the user's list and the stream show it from then on.
   */
  const introduce = async (repo: AskableRepo, signal: AbortSignal): Promise<void> => {
    if (introduced.has(repo.key)) return;
    introduced.add(repo.key);
    await presence.ask(repo, signal);
  };

  const round: Reconciliation['round'] = async (signal) => {
    const { admin } = await client.user(signal);
    if (!admin) presence.expectKnown();
    await askForWanted(signal);
    await checkListed(await client.repos(false, signal), signal);
    const cutOff = watchedRepos(ingest).filter((repo) => failing.has(repo.key));
    for (const repo of cutOff) await closeGap(repo, signal);
    await takeFeed(await client.feed(signal), signal);
    await visitInTurn(admin, signal);
    onRound();
  };

  return {
    round,
    hurry: () => hurried.abort(),
    lookFor(woodpeckerId, signal) {
      if (wanted.size === 0)
        clock.sleep(lookSoonMs, signal).then(
          () => hurried.abort(),
          () => undefined,
        );
      wanted.add(woodpeckerId);
    },
    async run(signal) {
      const intervalMs = intervalSeconds === 0 ? foreverMs : intervalSeconds * 1000;
      let pauseMs = intervalMs;
      for (;;) {
        try {
          await clock.sleep(pauseMs, AbortSignal.any([signal, hurried.signal]));
        } catch (error) {
          signal.throwIfAborted();
          if (!hurried.signal.aborted) throw error;
        }
        hurried = new AbortController();
        try {
          await round(signal);
          pauseMs = intervalMs;
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof WoodpeckerReplaced) throw error;
          // Those are told by whoever watches over Woodpecker and the store, once.
          const isToldElsewhere =
            error instanceof Unavailable ||
            error instanceof Unauthorized ||
            error instanceof StoreUnavailable;
          log[isToldElsewhere ? 'debug' : 'warn']('Reconciliation will be tried again', {
            error: describeError(error),
          });
          pauseMs = Math.min(retryMs, intervalMs);
        }
      }
    },
  };
}

/**
 * Reconciliation: finds what webhook and stream have missed, at a cost that does not grow with the number of repos while
 * nothing happens.
 *
 * Two requests bring the newest pipeline of each repo that the user may push to, and the newest fifty over all of them;
 * a repo is read only where these tell of something that is not known. Repos that they do not bring are visited in turn,
 * with at most three requests a round. It also notices repos that are new, renamed, gone or back.
 */

import { type Clock, nowSeconds } from '../clock.ts';
import { isWatched } from '../core/classification.ts';
import { isInFuture } from '../core/clock-tolerance.ts';
import { isEnded } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { StoreUnavailable } from '../ingest.ts';
import { describeError, type Log } from '../log.ts';
import { NotFound, pageSize, Unauthorized, Unavailable } from '../woodpecker/client.ts';
import { toRecord, toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireFeedItem, WirePipeline, WireRepo } from '../woodpecker/wire.ts';
import { type Intake, toEventResult } from './intake.ts';
import { refuseReplaced, WoodpeckerReplaced } from './repo-discovery.ts';
import type { Scans } from './scans.ts';

export interface Reconciliation {
  /** Runs round after round until aborted, then rejects with the signal's reason. */
  run(signal: AbortSignal): Promise<never>;
  /** Has the next round begin at once: the stream was connected anew, so something may have been missed. */
  hurry(): void;
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

const requestsInTurn = 3;
const roundsThatAgree = 2;
const retryMs = 30_000;
/** Longest time a timer can hold. */
const foreverMs = 2_000_000_000;

export function createReconciliation(options: ReconciliationOptions): Reconciliation {
  const { ingest, client, scans, clock, log, onEvent, intervalSeconds, onNewRepos, onRound } = options;
  const { state } = ingest;
  /** Rounds in a row in which a repo was not to be found. */
  const absences = new Map<number, number>();
  /** Repos whose last scan was cut off: what it has brought is held until one comes through. */
  const failing = new Set<number>();
  /** Ids of the repos that the user's list brings, and of those that it brings with their newest pipelines. */
  let listed: ReadonlySet<number> | null = null;
  let broughtWithNewest: ReadonlySet<number> = new Set();
  /** When a repo was last visited in its turn, in Unix seconds: one that cannot be read must not keep others waiting. */
  const visitedAt = new Map<number, number>();
  /** Items of the feed that were looked into, as they were. */
  let checked = new Set<string>();
  /** An administrator's list of all repos is read a page a round: where it stands, and what it has brought. */
  let nextPage = 1;
  let broughtByPages = new Set<number>();
  let hurried = new AbortController();

  const watched = (): (Repo & { woodpeckerId: number })[] =>
    [...state.repos.values()].flatMap((repo) =>
      repo.woodpeckerId !== null && !repo.isGone && isWatched(ingest.mode.policy, repo.fullName)
        ? [{ ...repo, woodpeckerId: repo.woodpeckerId }]
        : [],
    );

  /** Stores what a listing tells of repos; new and returned ones are then brought up to date in the background. */
  const learnRepos = async (wires: readonly WireRepo[]): Promise<void> => {
    const now = nowSeconds(clock);
    const relevant = wires.filter(
      (wire) => wire.id && wire.active !== false && isWatched(ingest.mode.policy, wire.full_name),
    );
    refuseReplaced(state, relevant);
    let isAnyNew = false;
    await ingest.submit(async (uow) => {
      for (const wire of relevant) {
        const facts = toRepoFacts(wire, now);
        if (!uow.admitsRepo(facts)) continue;
        const before = wire.id ? uow.repoById(wire.id) : null;
        const after = await uow.repoOf(facts);
        isAnyNew ||= !before || before.isGone;
        if (!before) log.info('Repo is new', { repo: after.fullName });
        else if (before.isGone) log.info('Repo is back, and its series with it', { repo: after.fullName });
        else if (before.fullName !== after.fullName) {
          log.info('Repo was renamed; its totals go along', { from: before.fullName, to: after.fullName });
        }
        absences.delete(after.key);
      }
    });
    if (isAnyNew) onNewRepos();
  };

  const noteAbsence = async (repo: Repo): Promise<void> => {
    const rounds = (absences.get(repo.key) ?? 0) + 1;
    absences.set(repo.key, rounds);
    if (rounds < roundsThatAgree) return;
    absences.delete(repo.key);
    log.info('Repo is no longer active in Woodpecker: its series end, its totals are kept', {
      repo: repo.fullName,
    });
    await ingest.submit(async (uow) => {
      const current = repo.woodpeckerId === null ? null : uow.repoById(repo.woodpeckerId);
      if (current) await uow.putRepo({ ...current, isGone: true });
    });
  };

  /** Asks for a repo that a listing no longer brings: it may only have become invisible there. */
  const askForAbsent = async (repo: Repo & { woodpeckerId: number }, signal: AbortSignal): Promise<void> => {
    try {
      const wire = await client.repo(repo.woodpeckerId, signal);
      if (wire.active === false) await noteAbsence(repo);
      else await learnRepos([wire]);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      await noteAbsence(repo);
    }
  };

  /** Reads what a repo has that is not known. One that fails does not stop the others. */
  const closeGap = async (repo: Repo, signal: AbortSignal): Promise<void> => {
    try {
      await scans.catchUp(repo.key, 'reconcile', signal);
      if (failing.delete(repo.key)) log.info('Repo can be read again', { repo: repo.fullName });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NotFound) absences.set(repo.key, absences.get(repo.key) ?? 0);
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
    const isBeforeHorizon = (last.created || last.created_at) <= (repo.horizon ?? 0);
    if (isBeforeHorizon && isEnded(last.status)) return false;
    if (last.number > repo.scan.watermark) return true;
    const known = await ingest.submit((uow) => uow.tx.pipelines.get(repo.key, last.number));
    if (!known || known.record.id !== last.id) return true;
    return known.record.status !== last.status || known.record.updatedAt < (last.updated || last.updated_at);
  };

  /** Reads again what the feed tells otherwise than it is known; looks into the same news once. */
  const checkFeed = async (items: readonly WireFeedItem[], signal: AbortSignal): Promise<void> => {
    const looked = new Set<string>();
    for (const item of items) {
      const fingerprint = JSON.stringify(item);
      try {
        if (!checked.has(fingerprint)) await checkFeedItem(item, signal);
        looked.add(fingerprint);
      } catch (error) {
        // One that cannot be read now is looked into again in the next round.
        if (signal.aborted || !(error instanceof Unavailable)) throw error;
      }
    }
    checked = looked;
  };
  const checkFeedItem = async (item: WireFeedItem, signal: AbortSignal): Promise<void> => {
    const { repo_id: repoId, number } = item;
    const repo = repoId ? state.repoById(repoId) : null;
    if (!repoId || !repo || !number || repo.scan.watermark === null || repo.isGone) return;
    const known = await ingest.submit((uow) => uow.tx.pipelines.get(repo.key, number));
    const finished = item.finished || item.finished_at;
    const isKnown =
      known?.record.status === item.status &&
      known.record.id === (item.id ?? known.record.id) &&
      (!isEnded(item.status) || finished === 0 || known.record.finishedAt === finished);
    if (isKnown) return;
    try {
      const record = toRecord(await client.pipeline(repoId, number, signal), 'rest', nowSeconds(clock));
      const observed = await ingest.submit((uow) => uow.observe(repo.key, record, 'live'));
      onEvent('reconcile', toEventResult(observed));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  };

  /** Takes in the user's list, and reads the repos whose newest pipelines are news. */
  const checkListed = async (wires: readonly WireRepo[], signal: AbortSignal): Promise<void> => {
    await learnRepos(wires);
    const ids = new Set(wires.flatMap((wire) => wire.id ?? []));
    for (const repo of watched()) {
      const hasDroppedOut = listed?.has(repo.woodpeckerId) && !ids.has(repo.woodpeckerId);
      if (hasDroppedOut && !absences.has(repo.key)) absences.set(repo.key, 0);
    }
    for (const { id, last_pipeline: last } of wires) {
      const repo = id ? state.repoById(id) : null;
      if (repo && last && (await isAhead(repo, last))) await closeGap(repo, signal);
    }
    // Servers before 3.1 bring no newest pipelines; of a repo that never ran any there is none either.
    const bringsNewest = wires.some((wire) => wire.last_pipeline);
    listed = ids;
    broughtWithNewest = bringsNewest ? ids : new Set();
  };

  /** The next page of all repos; once around, what none has brought is looked for. */
  const checkNextPage = async (signal: AbortSignal): Promise<void> => {
    const page = await client.allRepos(nextPage, signal);
    await learnRepos(page);
    for (const wire of page) if (wire.id) broughtByPages.add(wire.id);
    if (page.length === pageSize) {
      nextPage++;
      return;
    }
    for (const repo of watched()) {
      const isMissing = !broughtByPages.has(repo.woodpeckerId) && !absences.has(repo.key);
      if (isMissing) absences.set(repo.key, 0);
    }
    nextPage = 1;
    broughtByPages = new Set();
  };

  /** Visits repos that no listing brings: those first that were not to be found, then those read longest ago. */
  const visitInTurn = async (isAdmin: boolean, signal: AbortSignal): Promise<void> => {
    let left = requestsInTurn;
    if (isAdmin) {
      await checkNextPage(signal);
      left--;
    }
    const absent = watched().filter((repo) => absences.has(repo.key));
    for (const repo of absent.slice(0, left)) await askForAbsent(repo, signal);
    left -= Math.min(left, absent.length);
    const unlisted = watched().filter(
      (repo) =>
        !broughtWithNewest.has(repo.woodpeckerId) && !absences.has(repo.key) && repo.scan.watermark !== null,
    );
    const lastAt = ({ key, scan }: Repo) => {
      const scannedAt = scan.scannedAt ?? 0;
      return Math.max(isInFuture(scannedAt, nowSeconds(clock)) ? 0 : scannedAt, visitedAt.get(key) ?? 0);
    };
    unlisted.sort((a, b) => lastAt(a) - lastAt(b));
    for (const repo of unlisted.slice(0, left)) {
      visitedAt.set(repo.key, nowSeconds(clock));
      await closeGap(repo, signal);
    }
  };

  const round: Reconciliation['round'] = async (signal) => {
    const { admin } = await client.user(signal);
    if (listed === null && !admin) {
      // What the store knows and the list does not bring may have gone while nobody looked.
      listed = new Set(watched().map((repo) => repo.woodpeckerId));
    }
    await checkListed(await client.repos(false, signal), signal);
    for (const repo of watched().filter((one) => failing.has(one.key))) await closeGap(repo, signal);
    await checkFeed(await client.feed(signal), signal);
    await visitInTurn(admin, signal);
    onRound();
  };

  return {
    round,
    hurry: () => hurried.abort(),
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

/**
 * Visits repos that are in no list with their newest pipelines, in turn. Guarantees: at regular rounds, a full turn takes at
 * most an hour, whatever the number of repos; extra rounds visit fewer.
 */

import { isInFuture } from '../core/clock-skew.ts';
import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { pageSize } from '../woodpecker/client.ts';
import type { Presence } from './repo-lifecycle.ts';
import { type AskableRepo, eachWatchedRepo } from './watched-repos.ts';

export interface VisitsInTurn {
  /** `isListed`: whether a list contains the repo with its newest pipeline. */
  round(isAdmin: boolean, isListed: (woodpeckerId: number) => boolean, signal: AbortSignal): Promise<void>;
  /** Whether an administrator's token has repos left to request once. */
  readonly isIntroducing: boolean;
}

export interface VisitsInTurnOptions {
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly presence: Presence;
  /** 0: rounds are too rare to visit all repos within an hour. */
  readonly intervalSeconds: number;
  readonly visit: (repo: Repo, signal: AbortSignal) => Promise<void>;
}

/** The longest time between two visits of a repo. */
const turnSeconds = 3600;
/** Requests in a round, however few repos there are. */
const fewestRequests = 3;

export function createVisitsInTurn(options: VisitsInTurnOptions): VisitsInTurn {
  const { ingest, clock, presence, intervalSeconds, visit } = options;
  /** When a repo was last visited, in Unix seconds. An unreadable repo must not delay others. */
  const visitedAt = new Map<number, number>();
  /** Keys of the repos that an administrator's token has requested. */
  const introduced = new Set<number>();
  let isIntroducing = false;
  let lastRoundAt: number | null = null;
  /** Most unlisted repos since the turn began, so that a shrinking number does not slow down the turn. */
  let turn = { beganAt: 0, size: 0 };

  /** Share of a turn that has passed since the last round. */
  const partPassed = (now: number): number => {
    if (intervalSeconds === 0) return 0;
    const elapsed = lastRoundAt === null || lastRoundAt > now ? intervalSeconds : now - lastRoundAt;
    return Math.min(elapsed / turnSeconds, 1);
  };

  const sizeOfTurn = (now: number, unlisted: number): number => {
    const isOver = now - turn.beganAt >= turnSeconds || now < turn.beganAt;
    turn = isOver ? { beganAt: now, size: unlisted } : { ...turn, size: Math.max(turn.size, unlisted) };
    return turn.size;
  };

  /**
   * Requests a repo once: if the forge lets the user see it, Woodpecker then makes a permission row, and the user's list and
   * the stream contain the repo from then on.
   */
  const introduce = async (repo: AskableRepo, signal: AbortSignal): Promise<void> => {
    if (introduced.has(repo.key)) return;
    introduced.add(repo.key);
    await presence.ask(repo, signal);
  };

  /** The `count` repos whose last visit or scan is the oldest. */
  const leastRecent = (repos: readonly AskableRepo[], count: number, now: number): AskableRepo[] => {
    const dated = repos.map((repo) => {
      const scannedAt = repo.scan.scannedAt ?? 0;
      const at = Math.max(isInFuture(scannedAt, now) ? 0 : scannedAt, visitedAt.get(repo.key) ?? 0);
      return { repo, at };
    });
    dated.sort((a, b) => a.at - b.at);
    return dated.slice(0, count).map(({ repo }) => repo);
  };

  return {
    get isIntroducing() {
      return isIntroducing;
    },
    async round(isAdmin, isListed, signal) {
      const now = nowSeconds(clock);
      const part = partPassed(now);
      lastRoundAt = now;
      const unlisted: AskableRepo[] = [];
      let watched = 0;
      for await (const repo of eachWatchedRepo(ingest)) {
        watched++;
        const isKnown = repo.scan.watermark !== null && !presence.isMissed(repo);
        if (isKnown && !isListed(repo.woodpeckerId)) unlisted.push(repo);
      }
      const missed = presence.missed();
      const size = sizeOfTurn(now, unlisted.length + missed.length);
      let left = Math.max(fewestRequests, Math.ceil(size * part));
      if (isAdmin) {
        const pages = Math.max(1, Math.ceil((watched / pageSize) * part));
        for (let page = 0; page < pages; page++) await presence.takeNextPage(signal);
        if (left === fewestRequests) left--;
      }
      for (const repo of missed.slice(0, left)) await presence.ask(repo, signal);
      left -= Math.min(left, missed.length);
      for (const repo of leastRecent(unlisted, left, now)) {
        visitedAt.set(repo.key, now);
        if (isAdmin) await introduce(repo, signal);
        await visit(repo, signal);
      }
      isIntroducing = isAdmin && unlisted.some((repo) => !introduced.has(repo.key));
    },
  };
}

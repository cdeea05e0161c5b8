/**
 * Visits of repos that no list shows with their newest pipelines. Guarantees: a full turn over them takes at most an hour,
 * whatever their number, if rounds come at intervals; rounds that come sooner visit fewer.
 */

import { isInFuture } from '../core/clock-skew.ts';
import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { pageSize } from '../woodpecker/client.ts';
import type { Presence } from './repo-lifecycle.ts';
import { type AskableRepo, eachWatchedRepo } from './watched-repos.ts';

export interface VisitsInTurn {
  /** `isListed`: whether a list shows the repo with its newest pipeline. */
  round(isAdmin: boolean, isListed: (woodpeckerId: number) => boolean, signal: AbortSignal): Promise<void>;
  /** Whether an administrator's token has repos left to ask for by themselves. */
  readonly isIntroducing: boolean;
}

export interface VisitsInTurnOptions {
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly presence: Presence;
  /** 0: rounds come too seldom to visit all repos within an hour. */
  readonly intervalSeconds: number;
  readonly visit: (repo: Repo, signal: AbortSignal) => Promise<void>;
}

/** The longest time between two visits of a repo. */
const turnSeconds = 3600;
/** Requests in a round, however few repos there are. */
const fewestRequests = 3;

export function createVisitsInTurn(options: VisitsInTurnOptions): VisitsInTurn {
  const { ingest, clock, presence, intervalSeconds, visit } = options;
  /** When a repo was last visited, in Unix seconds: one that cannot be read must not keep others waiting. */
  const visitedAt = new Map<number, number>();
  /** Keys of the repos that an administrator's token has asked for by themselves. */
  const introduced = new Set<number>();
  let isIntroducing = false;
  let lastRoundAt: number | null = null;
  /** The most repos without a list since the turn began: those that a list comes to show meanwhile slow down no other. */
  let turn = { beganAt: 0, size: 0 };

  /** The part of a turn that has passed since the last round. */
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
   * Asks for a repo by itself, once: Woodpecker then gives the user a permission row for it, if the forge lets the user
   * see it, and the user's list and the stream show it from then on.
   */
  const introduce = async (repo: AskableRepo, signal: AbortSignal): Promise<void> => {
    if (introduced.has(repo.key)) return;
    introduced.add(repo.key);
    await presence.ask(repo, signal);
  };

  /** The `count` that were visited or scanned longest ago. */
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

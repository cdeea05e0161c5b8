/**
 * Visits in turn the repos that no list contains with their newest pipelines. Guarantees: at regular rounds, a full turn
 * takes at most an hour for any number of repos; extra rounds visit fewer.
 */

import { isInFuture } from '../core/clock-skew.ts';
import type { Repo } from '../core/repo.ts';
import { nowSeconds } from '../util/clock.ts';
import { pageSize } from '../woodpecker/client.ts';
import type { Dependencies } from './dependencies.ts';
import type { RepoLifecycle } from './repo-lifecycle.ts';
import { eachWatchedRepo, type RepoWithId } from './watched-repos.ts';

export interface VisitsInTurn {
  /** Checks missing repos and visits others. `isListed`: whether a list contains the repo with its newest pipeline. */
  round(isAdmin: boolean, isListed: (woodpeckerId: number) => boolean, signal: AbortSignal): Promise<void>;
  /** Whether an administrator's token has not yet requested each unlisted repo once. */
  readonly isIntroducing: boolean;
}

export interface VisitsInTurnOptions extends Pick<Dependencies, 'ingest' | 'clock'> {
  readonly lifecycle: RepoLifecycle;
  /** Time between regular rounds. 0: there are none, so each round sends only the fewest requests. */
  readonly intervalSeconds: number;
  readonly visit: (repo: Repo, signal: AbortSignal) => Promise<void>;
}

/** The longest time between two visits of a repo. */
const turnSeconds = 3600;
/** Fewest requests in a round. */
const fewestRequests = 3;

export function createVisitsInTurn(options: VisitsInTurnOptions): VisitsInTurn {
  const { ingest, clock, lifecycle, intervalSeconds, visit } = options;
  /** Time of the last visit, also a failed one, in Unix seconds, by key of the repo. */
  const visitedAt = new Map<number, number>();
  /** Keys of the repos that an administrator's token has requested. */
  const introduced = new Set<number>();
  let isIntroducing = false;
  let lastRoundAt: number | null = null;
  /** The largest number of repos to visit since the turn began: a shrinking number must not slow down the turn. */
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
   * Requests a repo once. If the user may see it on the forge, Woodpecker then makes a permission row. From then on, the
   * user's list and the stream contain the repo.
   */
  const introduce = async (repo: RepoWithId, signal: AbortSignal): Promise<void> => {
    if (introduced.has(repo.key)) return;
    introduced.add(repo.key);
    await lifecycle.check(repo, signal);
  };

  /** The `count` repos whose last visit or scan is the oldest. */
  const leastRecent = (repos: readonly RepoWithId[], count: number, now: number): RepoWithId[] => {
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
      const unlisted: RepoWithId[] = [];
      let watched = 0;
      for await (const repo of eachWatchedRepo(ingest)) {
        watched++;
        const isKnown = repo.scan.watermark !== null && !lifecycle.isMissing(repo);
        if (isKnown && !isListed(repo.woodpeckerId)) unlisted.push(repo);
      }
      const missing = lifecycle.missing();
      const size = sizeOfTurn(now, unlisted.length + missing.length);
      let left = Math.max(fewestRequests, Math.ceil(size * part));
      if (isAdmin) {
        const pages = Math.max(1, Math.ceil((watched / pageSize) * part));
        for (let page = 0; page < pages; page++) await lifecycle.readNextPage(signal);
        if (left === fewestRequests) left--;
      }
      for (const repo of missing.slice(0, left)) await lifecycle.check(repo, signal);
      left -= Math.min(left, missing.length);
      for (const repo of leastRecent(unlisted, left, now)) {
        visitedAt.set(repo.key, now);
        if (isAdmin) await introduce(repo, signal);
        await visit(repo, signal);
      }
      isIntroducing = isAdmin && unlisted.some((repo) => !introduced.has(repo.key));
    },
  };
}

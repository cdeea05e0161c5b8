/**
 * Finds out from lists that a repo is new, renamed, gone or back.
 *
 * A list may omit a repo that exists but is invisible to the token's user. A missing repo is therefore requested by itself,
 * and is gone only if it was not found twice in a row.
 */

import type { Repo } from '../core/repo.ts';
import type { LearntRepo } from '../ingest/requests/repos.ts';
import { createEventLoopYield, nowSeconds } from '../util/clock.ts';
import { describeError } from '../util/log.ts';
import { NotFound, pageSize, Unavailable } from '../woodpecker/client.ts';
import type { Listed } from '../woodpecker/lists.ts';
import type { WireRepo } from '../woodpecker/wire.ts';
import type { Dependencies } from './dependencies.ts';
import { learnRepos } from './repo-discovery.ts';
import { eachWatchedRepo, isWatchedRepo, type RepoWithId, watchedRepos } from './watched-repos.ts';

export interface RepoLifecycle {
  /** Before the first list: makes known repos missing that are not in it. They may be gone since the service last ran. */
  expectKnown(): void;
  /**
   * Notes the user's whole list, and stores its repos. Returns whether it contains a repo that the last list did not.
   * Rejects with `WoodpeckerReplaced` or `StoreUnavailable`.
   */
  noteList(list: Listed<WireRepo>): Promise<boolean>;
  /** Reads the next page of an administrator's list of all repos. After the last page, the repos on no page are missing. */
  readNextPage(signal: AbortSignal): Promise<void>;
  /** The missing repos; the next round must check them. */
  missing(): readonly RepoWithId[];
  isMissing(repo: Repo): boolean;
  /** Marks a repo as possibly gone; the next round checks it. */
  noteMissing(repo: Repo): void;
  /** Requests a repo: notes that it exists, or that it was not found. Rejects as the client and the store do. */
  check(repo: RepoWithId, signal: AbortSignal): Promise<void>;
}

export interface RepoLifecycleOptions extends Omit<Dependencies, 'onEvent'> {
  /** Called if repos are new or back. */
  readonly onNewRepos: () => void;
}

const absencesUntilGone = 2;
/** If a list contains more new repos, only their number is logged. */
const mostNewNamed = 100;

export function createRepoLifecycle({
  ingest,
  client,
  clock,
  log,
  onNewRepos,
}: RepoLifecycleOptions): RepoLifecycle {
  /** How often in a row each missing repo was not found, by key of the repo. */
  const absences = new Map<number, number>();
  /** Woodpecker's ids of the repos in the user's last list; `null` before the first. */
  let listed: ReadonlySet<number> | null = null;
  /** Number of the next page of an administrator's list of all repos. */
  let nextPage = 1;
  /** Woodpecker's ids of the repos on its earlier pages. */
  let onPages = new Set<number>();

  const noteMissing = (key: number): void => {
    if (!absences.has(key)) absences.set(key, 0);
  };

  const logLearnt = (learnt: readonly LearntRepo[]): void => {
    const isNew = ({ before }: LearntRepo) => before === null;
    const newRepos = learnt.filter(isNew).length;
    const isCrowd = newRepos > mostNewNamed;
    if (isCrowd) log.info('Repos are new', { repos: newRepos });
    for (const one of learnt) if (!isCrowd || !isNew(one)) logOne(one);
  };
  const logOne = ({ before, after }: LearntRepo): void => {
    const repo = after.fullName;
    if (!before) log.info('Repo is new', { repo });
    else if (before.isGone) log.info('Repo is back, and its series with it', { repo });
    else if (before.fullName !== repo) {
      log.info('Repo was renamed; its totals go along', { from: before.fullName, to: repo });
    }
  };

  /** Stores the repos of a list. The sync queue then reads the new ones. */
  const learn = async (wires: readonly WireRepo[]): Promise<void> => {
    const learnt: LearntRepo[] = [];
    try {
      await learnRepos({ ingest, clock }, wires, (stored) => learnt.push(...stored));
    } finally {
      // If the store fails at a later part of the list, the repos of the first part are known from now on.
      logLearnt(learnt);
      if (learnt.some(({ before }) => !before || before.isGone)) onNewRepos();
    }
    for (const { id, active } of absences.size === 0 ? [] : wires) {
      const repo = id && active !== false ? ingest.state.repoById(id) : null;
      if (repo) absences.delete(repo.key);
    }
  };

  const noteAbsence = async (repo: RepoWithId): Promise<void> => {
    const absentTimes = (absences.get(repo.key) ?? 0) + 1;
    absences.set(repo.key, absentTimes);
    if (absentTimes < absencesUntilGone) return;
    await ingest.submit({ kind: 'repoGone', repoId: repo.woodpeckerId, since: nowSeconds(clock) });
    absences.delete(repo.key);
    log.info('Repo is no longer active in Woodpecker: its series end, its totals are kept', {
      repo: repo.fullName,
    });
  };

  return {
    expectKnown() {
      listed ??= new Set(watchedRepos(ingest).map((repo) => repo.woodpeckerId));
    },
    async noteList(list) {
      await learn(list.rows);
      const yieldToEventLoop = createEventLoopYield();
      const ids = new Set<number>();
      let hasGrown = false;
      for (const id of idsOf(list)) {
        await yieldToEventLoop();
        ids.add(id);
        hasGrown ||= listed !== null && !listed.has(id);
      }
      for await (const { woodpeckerId, key } of eachWatchedRepo(ingest)) {
        if (listed?.has(woodpeckerId) && !ids.has(woodpeckerId)) noteMissing(key);
      }
      listed = ids;
      return hasGrown;
    },
    async readNextPage(signal) {
      const page = await client.allRepos(nextPage, signal);
      await learn(page.rows);
      const before = onPages.size;
      for (const id of idsOf(page)) onPages.add(id);
      const isEndless = page.length >= pageSize && onPages.size === before;
      if (page.length >= pageSize && !isEndless) {
        nextPage++;
        return;
      }
      if (isEndless) client.noteEndlessList('/api/repos');
      // Without all pages, no repo is certainly missing.
      else {
        for await (const { woodpeckerId, key } of eachWatchedRepo(ingest)) {
          if (!onPages.has(woodpeckerId)) noteMissing(key);
        }
      }
      nextPage = 1;
      onPages = new Set();
    },
    missing: () =>
      [...absences.keys()]
        .flatMap((key) => ingest.state.repos.get(key) ?? [])
        .filter((repo) => isWatchedRepo(ingest, repo)),
    isMissing: (repo) => absences.has(repo.key),
    noteMissing: (repo) => noteMissing(repo.key),
    async check(repo, signal) {
      try {
        const wire = await client.repo(repo.woodpeckerId, signal);
        if (wire.active === false) await noteAbsence(repo);
        else await learn([wire]);
      } catch (error) {
        if (error instanceof NotFound) await noteAbsence(repo);
        // An unreadable answer with status 200 means that the repo exists.
        else if (error instanceof Unavailable && error.status === 200) {
          log.debug('Repo cannot be read', { repo: repo.fullName, error: describeError(error) });
        } else throw error;
      }
    },
  };
}

function* idsOf({ rows, oddIds }: Listed<WireRepo>): Generator<number> {
  for (const { id } of rows) if (id) yield id;
  yield* oddIds;
}

/**
 * Notices from lists that a repo is new, renamed, gone or back.
 *
 * A list may leave out a repo that exists but has become invisible. A missing repo is therefore asked for by itself, and is
 * gone only if that fails twice.
 */

import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Clock, createEventLoopYield, nowSeconds } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import { NotFound, pageSize, Unavailable, type WoodpeckerClient } from '../woodpecker/client.ts';
import type { Listed } from '../woodpecker/lists.ts';
import type { WireRepo } from '../woodpecker/wire.ts';
import { type LearntRepo, learnRepos } from './repo-discovery.ts';
import { type AskableRepo, eachWatchedRepo, isWatchedRepo, watchedRepos } from './watched-repos.ts';

export interface Presence {
  /** Before the first list: known repos that are not in it will be missing. They may have gone while the service was down. */
  expectKnown(): void;
  /**
   * Takes the user's whole list. Returns whether it contains a repo that the last one did not. Rejects with
   * `WoodpeckerReplaced`.
   */
  takeList(list: Listed<WireRepo>): Promise<boolean>;
  /** Reads the next page of an administrator's list of all repos. After the last page, repos on no page are missing. */
  takeNextPage(signal: AbortSignal): Promise<void>;
  /** The missing repos that must be asked for. */
  missed(): readonly AskableRepo[];
  isMissed(repo: Repo): boolean;
  /** Marks a repo as possibly gone; the next round asks for it. */
  miss(repo: Repo): void;
  ask(repo: AskableRepo, signal: AbortSignal): Promise<void>;
}

export interface PresenceOptions {
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Called if repos are new or back. */
  readonly onNewRepos: () => void;
}

const asksThatAgree = 2;
/** If a list contains more new repos, the log has only their number. */
const mostNewNamed = 100;

export function createPresence({ ingest, client, clock, log, onNewRepos }: PresenceOptions): Presence {
  /** How often in a row each missing repo was not found, by its key. */
  const absences = new Map<number, number>();
  /** Ids of the repos in the user's last list; `null` before the first. */
  let listed: ReadonlySet<number> | null = null;
  /** An administrator's list of all repos: the page to read next, and the ids on earlier ones. */
  let nextPage = 1;
  let onPages = new Set<number>();

  const miss = (key: number): void => {
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

  /** Stores the repos of a list. The backlog then updates new and returned ones. */
  const learn = async (wires: readonly WireRepo[]): Promise<void> => {
    const learnt = await learnRepos({ ingest, clock }, wires);
    logLearnt(learnt);
    for (const { id, active } of absences.size === 0 ? [] : wires) {
      const repo = id && active !== false ? ingest.state.repoById(id) : null;
      if (repo) absences.delete(repo.key);
    }
    if (learnt.some(({ before }) => !before || before.isGone)) onNewRepos();
  };

  const noteAbsence = async (repo: AskableRepo): Promise<void> => {
    const asks = (absences.get(repo.key) ?? 0) + 1;
    absences.set(repo.key, asks);
    if (asks < asksThatAgree) return;
    absences.delete(repo.key);
    const namedAt = nowSeconds(clock);
    await ingest.submit(async (uow) => {
      const current = uow.repoById(repo.woodpeckerId);
      // The time that it is gone counts from the last moment with this name.
      if (current) await uow.putRepo({ ...current, isGone: true, namedAt });
    });
    log.info('Repo is no longer active in Woodpecker: its series end, its totals are kept', {
      repo: repo.fullName,
    });
  };

  return {
    expectKnown() {
      listed ??= new Set(watchedRepos(ingest).map((repo) => repo.woodpeckerId));
    },
    async takeList(list) {
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
        if (listed?.has(woodpeckerId) && !ids.has(woodpeckerId)) miss(key);
      }
      listed = ids;
      return hasGrown;
    },
    async takeNextPage(signal) {
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
      // Without all pages, no repo is known to be missing.
      else {
        for await (const { woodpeckerId, key } of eachWatchedRepo(ingest)) {
          if (!onPages.has(woodpeckerId)) miss(key);
        }
      }
      nextPage = 1;
      onPages = new Set();
    },
    missed: () =>
      [...absences.keys()]
        .flatMap((key) => ingest.state.repos.get(key) ?? [])
        .filter((repo) => isWatchedRepo(ingest, repo)),
    isMissed: (repo) => absences.has(repo.key),
    miss: (repo) => miss(repo.key),
    async ask(repo, signal) {
      try {
        const wire = await client.repo(repo.woodpeckerId, signal);
        if (wire.active === false) await noteAbsence(repo);
        else await learn([wire]);
      } catch (error) {
        if (error instanceof NotFound) await noteAbsence(repo);
        // The repo exists, though its answer is unreadable.
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

/**
 * Which repos are there: notices those that are new, renamed, gone or back from what listings bring, and what they no
 * longer bring.
 *
 * A listing may leave out a repo that is there, since it has only become invisible. So one that is missed is first asked
 * for by itself, and is gone only when that fails twice.
 */

import { isWatched } from '../core/classification.ts';
import type { Repo } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import type { Log } from '../util/log.ts';
import { NotFound, pageSize, type WoodpeckerClient } from '../woodpecker/client.ts';
import { toRepoFacts } from '../woodpecker/normalise.ts';
import type { WireRepo } from '../woodpecker/wire.ts';
import { refuseReplaced } from './repo-discovery.ts';
import { type AskableRepo, watchedRepos } from './watched-repos.ts';

export interface Presence {
  /** Before the first list: has all known repos be missed that it does not bring. They may have gone while nobody looked. */
  expectKnown(): void;
  /** Takes in the user's list, whole. Rejects with `WoodpeckerReplaced`. */
  takeList(wires: readonly WireRepo[]): Promise<void>;
  /** Reads the next page of all repos, as an administrator may; once around, what none has brought is missed. */
  takeNextPage(signal: AbortSignal): Promise<void>;
  /** The repos that are to be asked for. */
  missed(): readonly AskableRepo[];
  isMissed(repo: Repo): boolean;
  /** Has a repo be asked for: something says that it is not there. */
  miss(repo: Repo): void;
  ask(repo: AskableRepo, signal: AbortSignal): Promise<void>;
}

export interface PresenceOptions {
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Told where there are repos that are new or back. */
  readonly onNewRepos: () => void;
}

const asksThatAgree = 2;

export function createPresence({ ingest, client, clock, log, onNewRepos }: PresenceOptions): Presence {
  /** How often in a row each repo that is missed was asked for and not found, by its key. */
  const absences = new Map<number, number>();
  /** Ids of the repos that the user's list brings; `null` before the first. */
  let listed: ReadonlySet<number> | null = null;
  /** An administrator's list of all repos is read a page a round: where it stands, and what it has brought. */
  let nextPage = 1;
  let broughtByPages = new Set<number>();

  const miss = (repo: Repo): void => {
    if (!absences.has(repo.key)) absences.set(repo.key, 0);
  };

  /** Stores what a listing tells of repos; new and returned ones are then brought up to date in the background. */
  const learn = async (wires: readonly WireRepo[]): Promise<void> => {
    const now = nowSeconds(clock);
    const relevant = wires.filter(
      (wire) => wire.id && wire.active !== false && isWatched(ingest.mode.policy, wire.full_name),
    );
    refuseReplaced(ingest.state, relevant);
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

  const noteAbsence = async (repo: AskableRepo): Promise<void> => {
    const asks = (absences.get(repo.key) ?? 0) + 1;
    absences.set(repo.key, asks);
    if (asks < asksThatAgree) return;
    absences.delete(repo.key);
    log.info('Repo is no longer active in Woodpecker: its series end, its totals are kept', {
      repo: repo.fullName,
    });
    await ingest.submit(async (uow) => {
      const current = uow.repoById(repo.woodpeckerId);
      if (current) await uow.putRepo({ ...current, isGone: true });
    });
  };

  return {
    expectKnown() {
      listed ??= new Set(watchedRepos(ingest).map((repo) => repo.woodpeckerId));
    },
    async takeList(wires) {
      await learn(wires);
      const ids = new Set(wires.flatMap((wire) => wire.id ?? []));
      for (const repo of watchedRepos(ingest)) {
        if (listed?.has(repo.woodpeckerId) && !ids.has(repo.woodpeckerId)) miss(repo);
      }
      listed = ids;
    },
    async takeNextPage(signal) {
      const page = await client.allRepos(nextPage, signal);
      await learn(page);
      for (const wire of page) if (wire.id) broughtByPages.add(wire.id);
      if (page.length === pageSize) {
        nextPage++;
        return;
      }
      for (const repo of watchedRepos(ingest)) if (!broughtByPages.has(repo.woodpeckerId)) miss(repo);
      nextPage = 1;
      broughtByPages = new Set();
    },
    missed: () => watchedRepos(ingest).filter((repo) => absences.has(repo.key)),
    isMissed: (repo) => absences.has(repo.key),
    miss,
    async ask(repo, signal) {
      try {
        const wire = await client.repo(repo.woodpeckerId, signal);
        if (wire.active === false) await noteAbsence(repo);
        else await learn([wire]);
      } catch (error) {
        if (!(error instanceof NotFound)) throw error;
        await noteAbsence(repo);
      }
    },
  };
}

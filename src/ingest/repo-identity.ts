/**
 * Finds the stored repo that facts are about: by its id, else by its name, else by a former name of the last day. Adds
 * new repos, renames those with a newer name, and merges two that turn out to be one.
 */

import { isInFuture } from '../core/clock-skew.ts';
import { learn, nameKey, noScan, type Repo, type RepoFacts } from '../core/repo.ts';
import { shownTotals } from '../core/series/pair.ts';
import { createEventLoopYield } from '../util/clock.ts';
import type { IntakeMode } from './ingest-options.ts';
import { type MergeContext, mergeRepos } from './merge-repos.ts';
import type { NameHistory } from './name-history.ts';

export interface RepoIdentity {
  /** Whether the repo is known, or the limit allows one more; if not, it counts as turned away. */
  admits(facts: RepoFacts): Promise<boolean>;
  /** The repo that `facts` are about, updated by them, or added if it is new. */
  repoOf(facts: RepoFacts): Promise<Repo>;
}

export interface RepoIdentityContext extends MergeContext {
  readonly names: NameHistory;
  readonly mode: Pick<IntakeMode, 'canAsk'>;
  /** Unix seconds. */
  readonly now: number;
}

/** How long after a rename a report without an id may use the former name, since its pipeline was running. */
const formerNameSeconds = 86_400;

export function createRepoIdentity(context: RepoIdentityContext): RepoIdentity {
  const { names, repos, pairs, series, incidents, admission, pipelines, mode, now } = context;
  const yieldToEventLoop = createEventLoopYield();

  /** The repo that recently had the name; `null`: there is none, or the rename was too long before `facts`. */
  const findRenamed = async ({ woodpeckerId, fullName, asOf }: RepoFacts): Promise<Repo | null> => {
    if (woodpeckerId !== null || mode.canAsk) return null;
    const former = await names.lastOwner(fullName);
    if (former === null) return null;
    const { repo, at } = former;
    return (asOf || now) - at < formerNameSeconds && now - at < formerNameSeconds ? repos.at(repo) : null;
  };
  const find = async (facts: RepoFacts): Promise<Repo | null> =>
    repos.find(facts) ?? (await findRenamed(facts));

  const add = async (facts: RepoFacts): Promise<Repo> => {
    const added = await repos.add({
      woodpeckerId: facts.woodpeckerId,
      forgeRemoteId: facts.forgeRemoteId,
      fullName: facts.fullName,
      namedAt: facts.asOf,
      defaultBranches: facts.defaultBranch ? [facts.defaultBranch] : [],
      horizon: null,
      knownSince: mode.canAsk ? null : now,
      revealed: !mode.canAsk,
      isGone: false,
      scan: noScan,
    });
    admission.makeKnownByName(added);
    return added;
  };

  /** If other repos have the name, too, one of them carries the totals of the leaving one: counters must not fall. */
  const leaveTotals = (leaving: Repo): void => {
    const others = repos.named(leaving.fullName).filter(({ key }) => key !== leaving.key);
    for (const tier of pairs.tiersOf(leaving.key)) {
      const heir = others.find(({ key }) => pairs.at(key, tier) !== null);
      const pair = pairs.at(leaving.key, tier);
      if (heir && pair) pairs.carry(heir.key, tier, shownTotals(pair));
    }
  };

  const rename = async (renamed: Repo): Promise<void> => {
    const before = repos.at(renamed.key);
    await series.flush();
    if (nameKey(before.fullName) !== nameKey(renamed.fullName)) {
      await incidents.follow(before, renamed);
      await names.noteLeft(before.fullName, renamed);
      await names.noteTaken(renamed);
      leaveTotals(before);
    }
    repos.put(renamed);
    await pipelines.reclassify(renamed.key, 'settled');
    await series.flush();
  };

  /** Merges repos without an id into the repo with an id whose name in `facts` is theirs. */
  const mergeNamesakes = async (repo: Repo, facts: RepoFacts, nameBefore: string): Promise<void> => {
    if (facts.woodpeckerId === null) return;
    const namesakes = repos.named(facts.fullName).filter(({ woodpeckerId }) => woodpeckerId === null);
    for (const other of namesakes) await mergeRepos(context, other, repos.at(repo.key), nameBefore);
    const isLate = nameKey(facts.fullName) !== nameKey(repo.fullName);
    if (isLate && !mode.canAsk) await names.noteLeft(facts.fullName, repo);
  };

  return {
    admits: async (facts) => (await find(facts)) !== null || admission.admitsRepo(),

    async repoOf(facts) {
      // Most repos of a long list have not changed: no other step would then yield to the event loop.
      await yieldToEventLoop();
      const known = await find(facts);
      if (!known) return add(facts);
      const isFormerName = facts.woodpeckerId === null && nameKey(facts.fullName) !== nameKey(known.fullName);
      const current = isFormerName ? { ...facts, fullName: known.fullName, asOf: 0 } : facts;
      const namedAt = Math.max(known.namedAt, repos.confirmedAt(known.key));
      const before = { ...known, namedAt: isInFuture(namedAt, now) ? 0 : namedAt };
      const learnt = learn({ ...before, isGone: false }, current);
      const isRenamed = learnt.fullName !== known.fullName;
      const isConfirmed = isSameButForItsTime(known, learnt);
      if (isConfirmed && (mode.canAsk || learnt.namedAt === known.namedAt)) {
        // Every list confirms every name: memory is enough, since the first list after a restart confirms it again.
        repos.confirm(known.key, learnt.namedAt);
      } else {
        // A new default branch makes further pipelines count; a new name only moves them. These are separate steps: each
        // finds the series as the step before has left them.
        repos.put(isRenamed ? { ...learnt, fullName: known.fullName } : learnt);
        if (learnt.defaultBranches !== known.defaultBranches)
          await pipelines.reclassify(known.key, 'credited');
        if (isRenamed) await rename(learnt);
      }
      const repo = repos.at(known.key);
      await mergeNamesakes(repo, current, known.fullName);
      return repos.at(known.key);
    },
  };
}

/** Whether facts have changed nothing but the time of the name. */
function isSameButForItsTime(known: Repo, learnt: Repo): boolean {
  return (
    learnt.fullName === known.fullName &&
    learnt.isGone === known.isGone &&
    learnt.woodpeckerId === known.woodpeckerId &&
    learnt.forgeRemoteId === known.forgeRemoteId &&
    learnt.defaultBranches === known.defaultBranches
  );
}

/**
 * Which stored repo facts are about: by its id, else by the name that it has or had until lately. Adds repos that are
 * new, renames those with a newer name, and merges two that turn out to be one.
 */

import { isInFuture } from '../core/clock-skew.ts';
import { learn, nameKey, noScan, type Repo, type RepoFacts } from '../core/repo.ts';
import { shownTotals } from '../core/series/pair.ts';
import { createEventLoopYield } from '../util/clock.ts';
import type { IntakeMode } from './ingest-options.ts';
import { type MergeContext, mergeRepos } from './merge-repos.ts';

export interface RepoIdentity {
  /** Whether the repo is known, or there is room for it; it is counted as turned away if not. */
  admits(facts: RepoFacts): Promise<boolean>;
  /** The repo that `facts` are about, added if it is new, after it has learnt them. */
  repoOf(facts: RepoFacts): Promise<Repo>;
}

export interface RepoIdentityContext extends MergeContext {
  readonly mode: Pick<IntakeMode, 'canAsk'>;
  /** Unix seconds. */
  readonly now: number;
  readonly reclassify: (repoKey: number, additions: 'credited' | 'settled') => Promise<void>;
}

/** How long a report without an id may name its repo as it was before a rename: pipelines take their time. */
const formerNameSeconds = 86_400;

export function createRepoIdentity(context: RepoIdentityContext): RepoIdentity {
  const { tx, repos, series, incidents, admission, mode, now, reclassify } = context;
  const yieldToEventLoop = createEventLoopYield();

  const formerNameKey = (fullName: string) => `former name: ${nameKey(fullName)}`;
  const noteFormerName = (fullName: string, { key }: Repo): Promise<void> =>
    tx.meta.put(formerNameKey(fullName), JSON.stringify({ repo: key, at: now }));
  /** The repo that was renamed from the name of late; `null`: there is none, or `facts` are younger. */
  const findRenamed = async ({ woodpeckerId, fullName, asOf }: RepoFacts): Promise<Repo | null> => {
    if (woodpeckerId !== null || mode.canAsk) return null;
    const former = await tx.meta.get(formerNameKey(fullName));
    if (former === null) return null;
    const { repo, at } = JSON.parse(former) as { repo: number; at: number };
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

  /** The counters of a name that others have as well must not fall when one of them takes its totals along. */
  const leaveTotals = (leaving: Repo): void => {
    const others = repos.named(leaving.fullName).filter(({ key }) => key !== leaving.key);
    for (const tier of series.tiersOf(leaving.key)) {
      const heir = others.find(({ key }) => series.pairOf(key, tier) !== null);
      const pair = series.pairOf(leaving.key, tier);
      if (heir && pair) series.carry(heir.key, tier, shownTotals(pair));
    }
  };

  const rename = async (renamed: Repo): Promise<void> => {
    const before = repos.at(renamed.key);
    await series.flush();
    await incidents.bindTo(before);
    if (nameKey(before.fullName) !== nameKey(renamed.fullName)) {
      await noteFormerName(before.fullName, renamed);
      leaveTotals(before);
    }
    repos.put(renamed);
    await reclassify(renamed.key, 'settled');
    await series.flush();
  };

  /** Merges repos without an id into the one that has an id and was given their name by `facts`. */
  const mergeNamesakes = async (repo: Repo, facts: RepoFacts, nameBefore: string): Promise<void> => {
    if (facts.woodpeckerId === null) return;
    const namesakes = repos.named(facts.fullName).filter(({ woodpeckerId }) => woodpeckerId === null);
    for (const other of namesakes) await mergeRepos(context, other, repos.at(repo.key), nameBefore);
    const isLate = nameKey(facts.fullName) !== nameKey(repo.fullName);
    if (isLate && !mode.canAsk) await noteFormerName(facts.fullName, repo);
  };

  return {
    admits: async (facts) => (await find(facts)) !== null || admission.admitsRepo(),

    async repoOf(facts) {
      // Of a long list, most repos are as they were: no other step of theirs would ever give way to the event loop.
      await yieldToEventLoop();
      const known = await find(facts);
      if (!known) return add(facts);
      const isFormerName = facts.woodpeckerId === null && nameKey(facts.fullName) !== nameKey(known.fullName);
      const told = isFormerName ? { ...facts, fullName: known.fullName, asOf: 0 } : facts;
      const namedAt = Math.max(known.namedAt, repos.confirmedAt(known.key));
      const before = { ...known, namedAt: isInFuture(namedAt, now) ? 0 : namedAt };
      const learnt = learn({ ...before, isGone: false }, told);
      const isRenamed = learnt.fullName !== known.fullName;
      const isConfirmed = isSameButForItsTime(known, learnt);
      if (isConfirmed && (mode.canAsk || learnt.namedAt === known.namedAt)) {
        // Lists confirm every name again and again. After a restart, the first of them does so before all else.
        repos.confirm(known.key, learnt.namedAt);
      } else {
        // A new default branch brings what was not counted before; a new name only moves what was. One after the other,
        // and after all that came before, so that each finds the series as they stood.
        repos.put(isRenamed ? { ...learnt, fullName: known.fullName } : learnt);
        if (learnt.defaultBranches !== known.defaultBranches) await reclassify(known.key, 'credited');
        if (isRenamed) await rename(learnt);
      }
      const repo = repos.at(known.key);
      await mergeNamesakes(repo, told, known.fullName);
      return repos.at(known.key);
    },
  };
}

/** Whether facts say nothing but that the repo is still as it was. */
function isSameButForItsTime(known: Repo, learnt: Repo): boolean {
  return (
    learnt.fullName === known.fullName &&
    learnt.isGone === known.isGone &&
    learnt.woodpeckerId === known.woodpeckerId &&
    learnt.forgeRemoteId === known.forgeRemoteId &&
    learnt.defaultBranches === known.defaultBranches
  );
}

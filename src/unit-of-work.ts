/**
 * One transaction's work on store and state: what was observed goes into rows, timelines and ledger, all or nothing.
 *
 * Within it, later steps see earlier ones. Nothing reaches the state before `finish` has written everything and the
 * store has committed: the caller then applies the change that `finish` returned.
 */

import type { Change } from './core/change.ts';
import { type Classification, classify, isPullRequest, isWatched } from './core/classification.ts';
import { leadTimeBit } from './core/figures/change-lead-time.ts';
import type { FigureRules } from './core/figures/figure.ts';
import { type Follow, followKey } from './core/follow.ts';
import { waived } from './core/ledger.ts';
import { isEnded, mergeRecords, type PipelineRecord, saysTheSame } from './core/pipeline.ts';
import { longestWindowSeconds, type Policy } from './core/policy.ts';
import { learn, nameKey, noScan, type Repo, type RepoFacts } from './core/repo.ts';
import type { State, StateChange } from './core/state.ts';
import { type StoredPipeline, toDeployment } from './core/stored-pipeline.ts';
import { tierByNameAlone } from './core/tiers.ts';
import { createSeriesChanges } from './series-changes.ts';
import type { Transaction } from './store/store.ts';

/** How long the end of a killed run is asked for again. */
const settledAfterSeconds = 3600;

/** How observations are taken in. */
export interface IntakeMode {
  readonly policy: Policy;
  /** Whether Woodpecker can be asked: repos are then shown from their first complete backfill on, and ends followed. */
  readonly canAsk: boolean;
  /** Whether a forge is asked which commits deployments bring. */
  readonly asksForge?: boolean;
}

/** How figures read deployments under `mode`. */
export function rulesOf({ policy, asksForge = false }: IntakeMode): FigureRules {
  return { asksForge, leadTimeFallback: policy.leadTime.fallback };
}

/** `unfinished`: going on, as far as anybody knows. */
export interface Observed {
  readonly result: 'stored' | 'duplicate' | 'stale' | 'unfinished';
  readonly pipeline: StoredPipeline;
}

export interface UnitOfWork {
  readonly tx: Transaction;
  repoById(woodpeckerId: number): Repo | null;
  repoByName(fullName: string): Repo | null;
  /** The repo that `facts` are about, added where it is new, and what they bring learnt. */
  repoOf(facts: RepoFacts): Promise<Repo>;
  putRepo(repo: Repo): Promise<void>;
  /** Merges what was observed into what is known. A scan's find is held until `release`. */
  observe(repoKey: number, record: PipelineRecord, origin: 'live' | 'scan'): Promise<Observed>;
  /** Stores what the forge told of a deployment. */
  learnChange(repoKey: number, number: number, change: Change): Promise<void>;
  /** Lets all that is held of a repo into state and ledger, and shows its series. */
  release(repoKey: number): Promise<void>;
  follow(target: Follow['target'], number: number): Follow | null;
  putFollow(follow: Follow): Promise<void>;
  dropFollow(follow: Follow): Promise<void>;
  /** Builds all series anew from the store, and adds to the ledger what they had nothing for before. */
  rebuildAll(): void;
  /** Classifies all stored pipelines of a repo anew. `settled`: what moves into a pair that exists adds nothing to it. */
  reclassify(repoKey: number, additions: 'credited' | 'settled'): Promise<void>;
  /** Writes what is left to write, and returns what the state must take over once the transaction is committed. */
  finish(): Promise<StateChange>;
}

/** `now` in Unix seconds. */
export function createUnitOfWork(tx: Transaction, state: State, mode: IntakeMode, now: number): UnitOfWork {
  const { policy } = mode;
  const repos = new Map<number, Repo>();
  const follows = new Map<string, Follow | null>();
  const cutoff = now - longestWindowSeconds(policy);
  let tally = state.tally;
  const forgeBits = mode.asksForge ? leadTimeBit : 0;

  const repoAt = (key: number): Repo => {
    const repo = repos.get(key) ?? state.repos.get(key);
    if (!repo) throw new Error(`No repo has the key ${key}`);
    return repo;
  };
  /** Repos of that name as of now, the one named last first. */
  const reposNamed = (fullName: string): readonly Repo[] => {
    const name = nameKey(fullName);
    const keys = new Set([...state.reposByName(name).map((repo) => repo.key), ...repos.keys()]);
    return [...keys]
      .map(repoAt)
      .filter((repo) => nameKey(repo.fullName) === name)
      .sort((a, b) => b.namedAt - a.namedAt || b.key - a.key);
  };
  const repoById = (id: number): Repo | null => {
    for (const repo of repos.values()) if (repo.woodpeckerId === id) return repo;
    const found = state.repoById(id);
    return found && repoAt(found.key);
  };
  const putRepo = async (repo: Repo): Promise<void> => {
    repos.set(repo.key, repo);
    await tx.repos.put(repo);
  };

  const rules = rulesOf(mode);
  const series = createSeriesChanges(tx, state, {
    rules,
    reposNamed: (name) => reposNamed(name).map((repo) => repo.key),
    cutoff,
  });
  /** Creation of the first pipeline of a commit, where that matters. */
  const firstSeenOf = async (repoKey: number, commit: string): Promise<number | null> =>
    rules.leadTimeFallback === 'created' && commit !== ''
      ? tx.pipelines.firstCreatedAt(repoKey, commit)
      : null;
  const makeKnownByName = (repo: Repo): void => {
    const tier = isWatched(policy, repo.fullName) ? tierByNameAlone(policy, repo.fullName) : null;
    if (tier !== null) series.makeKnown(repo.key, tier);
  };
  const rebuildSeries = (repo: Repo): void => {
    for (const tier of series.tiersOf(repo.key)) series.rebuild(repo, tier);
  };
  const putPipeline = async (before: StoredPipeline | null, after: StoredPipeline): Promise<void> => {
    await tx.pipelines.put(after);
    if (tally === state.tally) tally = state.tally.copy();
    if (before) tally.count(before, -1);
    tally.count(after, 1);
  };

  const uow: UnitOfWork = {
    tx,
    repoById,
    repoByName: (fullName) => reposNamed(fullName)[0] ?? null,
    putRepo,

    async repoOf(facts) {
      const known =
        facts.woodpeckerId === null
          ? uow.repoByName(facts.fullName)
          : (repoById(facts.woodpeckerId) ??
            // One without an id yet: the first id seen under its name adopts it.
            reposNamed(facts.fullName).find((repo) => repo.woodpeckerId === null));
      if (!known) return addRepo(facts);
      const learnt = learn(known.isGone ? { ...known, isGone: false } : known, facts);
      if (learnt === known) return known;
      const isRenamed = learnt.fullName !== known.fullName;
      // A new default branch brings what was not counted before; a new name only moves what was. One after the other,
      // and after all that came before, so that each finds the series as they stood.
      const underOldName = isRenamed ? { ...learnt, fullName: known.fullName } : learnt;
      await putRepo(underOldName);
      if (learnt.defaultBranches !== known.defaultBranches) await uow.reclassify(known.key, 'credited');
      if (isRenamed) await rename(underOldName, learnt);
      return learnt;
    },

    async observe(repoKey, observed, origin) {
      const repo = repoAt(repoKey);
      const before = await tx.pipelines.get(repoKey, observed.number);
      const record = before ? mergeRecords(before.record, observed) : observed;
      await updateFollow(repo, record);
      // What a scan holds back and a source now tells by itself need not wait for the scan's end.
      const isToldOfHeld = before?.isHeld && repo.revealed && origin === 'live';
      if (before && record === before.record && !isToldOfHeld) {
        if (!isEnded(record.status)) return { result: 'unfinished', pipeline: before };
        const isAsNew = record.id === observed.id && record.updatedAt === observed.updatedAt;
        return { result: isAsNew ? 'duplicate' : 'stale', pipeline: before };
      }
      const classification = classify(policy, repo, record);
      const isAnother = before !== null && before.record.id !== 0 && before.record.id !== record.id;
      const isVisible = before !== null && toDeployment(before) !== null;
      const after: StoredPipeline = {
        repo: repoKey,
        record,
        classification,
        isHeld: !repo.revealed || (origin === 'scan' && !isVisible),
        credited:
          before && !isAnother ? creditAfterMove(before, classification) : creditAtFirst(repo, record),
        change: before?.change ?? null,
      };
      // A correction may name another commit: then it is the first pipeline of the one before no longer.
      const commits = [...new Set([record.commit, before?.record.commit ?? record.commit])];
      const firstSeenBefore: (number | null)[] = [];
      for (const commit of commits) firstSeenBefore.push(await firstSeenOf(repoKey, commit));
      await putPipeline(before, after);
      series.replace(repo, before, after, await firstSeenOf(repoKey, record.commit));
      for (const [index, commit] of commits.entries()) {
        if ((await firstSeenOf(repoKey, commit)) === firstSeenBefore[index]) continue;
        for (const tier of await tx.pipelines.tiersOfCommit(repoKey, commit)) series.rebuild(repo, tier);
      }
      if (!after.isHeld && classification.tier !== null) series.makeKnown(repoKey, classification.tier);
      if (!isEnded(record.status)) return { result: 'unfinished', pipeline: after };
      const isNews = !before || !saysTheSame(before.record, record);
      return { result: isNews ? 'stored' : 'duplicate', pipeline: after };
    },

    async learnChange(repoKey, number, change) {
      const before = await tx.pipelines.get(repoKey, number);
      if (!before) return;
      await tx.pipelines.putChange(repoKey, number, change);
      const firstSeenAt = await firstSeenOf(repoKey, before.record.commit);
      series.replace(repoAt(repoKey), before, { ...before, change }, firstSeenAt);
    },

    async release(repoKey) {
      const before = repoAt(repoKey);
      const repo = { ...before, revealed: true, knownSince: before.knownSince ?? (mode.canAsk ? null : now) };
      if (!before.revealed) await putRepo(repo);
      makeKnownByName(repo);
      // What the forge tells of the time before comes in later, bit by bit: counted then, it would look like news.
      const waivedAtFirst = before.revealed ? 0 : forgeBits;
      for await (const slice of tx.pipelines.held(repoKey)) {
        for (const held of slice) {
          // The horizon may have been fixed after it came in.
          const isOld = toDeployment({ ...held, isHeld: false }) !== null;
          const credited = creditAtFirst(repo, held.record) | held.credited | (isOld ? waivedAtFirst : 0);
          if (credited !== held.credited)
            await tx.pipelines.setCredited(repoKey, held.record.number, credited);
          if (held.classification.tier !== null) series.makeKnown(repoKey, held.classification.tier);
          const firstSeenAt = await firstSeenOf(repoKey, held.record.commit);
          series.replace(repo, null, { ...held, isHeld: false, credited }, firstSeenAt);
        }
      }
      await tx.pipelines.releaseHeld(repoKey);
      // Among what was held may be the first pipeline of a commit that is deployed already.
      if (rules.leadTimeFallback === 'created') rebuildSeries(repo);
    },

    follow(target, number) {
      const key = followKey({ target, number });
      return (follows.has(key) ? follows.get(key) : state.follows.get(key)) ?? null;
    },
    async putFollow(follow) {
      follows.set(followKey(follow), follow);
      await tx.follows.put(follow);
    },
    async dropFollow(follow) {
      follows.set(followKey(follow), null);
      await tx.follows.drop(follow);
    },

    rebuildAll() {
      for (const repo of state.repos.values()) rebuildSeries(repoAt(repo.key));
    },

    async reclassify(repoKey, additions) {
      const repo = repoAt(repoKey);
      const existing = new Set(series.tiersOf(repoKey));
      const yielded = new Set<string>();
      for await (const slice of tx.pipelines.all(repoKey)) {
        for (const before of slice) {
          const classification = classify(policy, repo, before.record);
          const { tier } = classification;
          if (tier !== null) yielded.add(tier);
          if (JSON.stringify(classification) === JSON.stringify(before.classification)) continue;
          const credited =
            additions === 'settled'
              ? creditWhenSettled(repo, before, classification, existing, forgeBits)
              : creditAfterMove(before, classification);
          await putPipeline(before, { ...before, classification, credited });
          if (before.classification.tier !== null) series.rebuild(repo, before.classification.tier);
          if (tier !== null) series.rebuild(repo, tier);
        }
      }
      for (const tier of existing) {
        if (!yielded.has(tier)) series.retire(repoKey, tier);
        if (additions === 'settled') series.settle(repoKey, tier);
      }
      for (const tier of yielded) series.makeKnown(repoKey, tier);
      makeKnownByName(repo);
    },

    async finish() {
      return { repos: [...repos.values()], ...(await series.finish()), follows, tally };
    },
  };
  return uow;

  async function addRepo(facts: RepoFacts): Promise<Repo> {
    const added = await tx.repos.add({
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
    repos.set(added.key, added);
    makeKnownByName(added);
    return added;
  }

  async function rename(before: Repo, after: Repo): Promise<void> {
    await series.flush();
    await putRepo(after);
    await uow.reclassify(after.key, 'settled');
    for (const tier of series.tiersOf(after.key)) {
      series.rebuild(before, tier);
      series.rebuild(after, tier);
    }
    await series.flush();
  }

  /** Follows a pipeline to its end; one that no policy can count is not worth asking for. */
  async function updateFollow(repo: Repo, record: PipelineRecord): Promise<void> {
    if (!mode.canAsk || repo.woodpeckerId === null) return;
    // The agent's last word on a killed run comes later, and may make it a failure, a success, or end it at another time.
    const sinceEnd = now - record.updatedAt;
    const isSettling = record.status === 'killed' && sinceEnd < settledAfterSeconds;
    if (isEnded(record.status) && !isSettling) {
      for (const target of [repo.woodpeckerId, repo.fullName]) {
        const follow = uow.follow(target, record.number);
        if (follow) await uow.dropFollow(follow);
      }
    } else if (isWatched(policy, repo.fullName) && !isPullRequest(record.event) && !record.fromFork) {
      await uow.putFollow({
        target: repo.woodpeckerId,
        number: record.number,
        // A killed one is asked for whenever its end is twice as long ago.
        bornAt: isSettling ? now - 10 * Math.max(sinceEnd, 1) : (record.createdAt ?? now),
        askedAt: now,
        hintedAt: null,
      });
    }
  }
}

/** Which ledger entries a pipeline may add to when it is first known: all, or none where it is older than the horizon. */
function creditAtFirst(repo: Repo, record: PipelineRecord): number {
  const isCredited = repo.horizon === null || record.createdAt === null || record.createdAt > repo.horizon;
  return isCredited ? 0 : waived;
}

/** One that has added to one tier's ledger adds to no other's. */
function creditAfterMove(before: StoredPipeline, after: Classification): number {
  const tierBefore = before.classification.tier;
  const hasMoved = tierBefore !== null && tierBefore !== after.tier;
  return before.credited !== 0 && hasMoved ? waived : before.credited;
}

/** Under another policy, what already counts for a pair that existed adds nothing to it; a new pair is counted in full. */
function creditWhenSettled(
  repo: Repo,
  before: StoredPipeline,
  after: Classification,
  existing: ReadonlySet<string>,
  forgeBits: number,
): number {
  const isCountedNow = after.kind === 'deployment' && !before.isHeld;
  const isSamePair = before.classification.tier === after.tier && before.credited !== 0;
  if (!isCountedNow || isSamePair) return creditAfterMove(before, after);
  return existing.has(after.tier) ? waived : creditAtFirst(repo, before.record) | forgeBits;
}

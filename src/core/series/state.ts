/**
 * What is in memory of the store: repos, pairs with their totals, timelines, follows and counts.
 *
 * A cache, rebuilt from the store at start and brought forward only after a commit. Its values are never modified, only
 * replaced; the maps are its own and change in `apply` alone.
 */

import { createTally, type Tally } from '../pipeline-counts.ts';
import type { Follow } from '../poll-schedule.ts';
import { nameKey, type Repo } from '../repo.ts';
import { type Pair, pairKey } from './pair.ts';
import type { Timeline } from './reducer.ts';

export interface State {
  readonly repos: ReadonlyMap<number, Repo>;
  /** By `pairKey`. */
  readonly pairs: ReadonlyMap<string, Pair>;
  /** By `pairKey`. */
  readonly timelines: ReadonlyMap<string, Timeline>;
  /** By `followKey`. */
  readonly follows: ReadonlyMap<string, Follow>;
  readonly tally: Tally;
  /** Another number after every change. */
  readonly version: number;
  repoById(woodpeckerId: number): Repo | null;
  /** Those that share the name, whatever its case; the one named last comes first. */
  reposByName(fullName: string): readonly Repo[];
  /** Tiers for which the repo has totals, known to the present policy or not. */
  tiersOf(repo: number): readonly string[];
  apply(change: StateChange): void;
}

export interface StateChange {
  readonly repos: readonly Repo[];
  readonly pairs: readonly Pair[];
  /** `null` removes one. */
  readonly timelines: ReadonlyMap<string, Timeline | null>;
  readonly follows: ReadonlyMap<string, Follow | null>;
  readonly tally: Tally;
}

export function createState(): State {
  const repos = new Map<number, Repo>();
  const pairs = new Map<string, Pair>();
  const timelines = new Map<string, Timeline>();
  const follows = new Map<string, Follow>();
  const keyById = new Map<number, number>();
  const keysByName = new Map<string, Set<number>>();
  const tiersByRepo = new Map<number, Set<string>>();
  let tally = createTally();
  let version = 0;

  const applyRepo = (repo: Repo): void => {
    const before = repos.get(repo.key);
    const name = nameKey(repo.fullName);
    if (before && nameKey(before.fullName) !== name) {
      const nameBefore = nameKey(before.fullName);
      const keys = keysByName.get(nameBefore);
      keys?.delete(repo.key);
      if (keys?.size === 0) keysByName.delete(nameBefore);
    }
    keysByName.set(name, (keysByName.get(name) ?? new Set()).add(repo.key));
    if (repo.woodpeckerId !== null) keyById.set(repo.woodpeckerId, repo.key);
    repos.set(repo.key, repo);
  };

  const applyPair = (pair: Pair): void => {
    pairs.set(pairKey(pair.repo, pair.tier), pair);
    tiersByRepo.set(pair.repo, (tiersByRepo.get(pair.repo) ?? new Set()).add(pair.tier));
  };

  return {
    repos,
    pairs,
    timelines,
    follows,
    get tally() {
      return tally;
    },
    get version() {
      return version;
    },
    repoById(woodpeckerId) {
      const key = keyById.get(woodpeckerId);
      return (key !== undefined && repos.get(key)) || null;
    },
    reposByName(fullName) {
      const keys = keysByName.get(nameKey(fullName)) ?? [];
      return [...keys]
        .flatMap((key) => repos.get(key) ?? [])
        .sort((a, b) => b.namedAt - a.namedAt || b.key - a.key);
    },
    tiersOf: (repo) => [...(tiersByRepo.get(repo) ?? [])],
    apply(change) {
      const { size } = change.timelines;
      const isNothing = change.repos.length + change.pairs.length + size + change.follows.size === 0;
      if (isNothing && change.tally === tally) return;
      for (const repo of change.repos) applyRepo(repo);
      for (const pair of change.pairs) applyPair(pair);
      replaceAll(timelines, change.timelines);
      replaceAll(follows, change.follows);
      tally = change.tally;
      version++;
    },
  };
}

function replaceAll<T>(target: Map<string, T>, changes: ReadonlyMap<string, T | null>): void {
  for (const [key, value] of changes) {
    if (value === null) target.delete(key);
    else target.set(key, value);
  }
}

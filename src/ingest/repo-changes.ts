/** One transaction's changes to repos. Later steps see earlier ones; the state is only read. */

import { isSameGround, knownGroundOf } from '../core/known-ground.ts';
import { nameKey, type Repo, type RepoFacts } from '../core/repo.ts';
import type { State, StateChange } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';

export interface RepoChanges {
  /** Throws if there is none. */
  at(key: number): Repo;
  byId(woodpeckerId: number): Repo | null;
  /** As `byId`; throws if there is none. */
  withId(woodpeckerId: number): Repo;
  /** Repos that have the name now, in any case; the repo that got it last is first. */
  named(fullName: string): readonly Repo[];
  /** The repo that `facts` are about; `null`: it is new. */
  find(facts: Pick<RepoFacts, 'woodpeckerId' | 'fullName'>): Repo | null;
  add(repo: Omit<Repo, 'key'>): Promise<Repo>;
  put(repo: Repo): void;
  /** Unix seconds at which its name was last confirmed; 0: not since the start. */
  confirmedAt(key: number): number;
  /** Notes, in memory only, that the repo had its name at that time. */
  confirm(key: number, at: number): void;
  drop(key: number): Promise<void>;
  /** Number of repos, with the changes of this transaction. */
  readonly count: number;
  /** Writes each changed repo once: in a burst, nearly every event makes its repo's name newer. */
  finish(): Promise<Pick<StateChange, 'repos' | 'confirmations' | 'droppedRepos'>>;
}

/** `onNewGround`: called with the key of a repo whose known ground changes. */
export function createRepoChanges(
  tx: Transaction,
  state: State,
  onNewGround: (key: number) => void = () => undefined,
): RepoChanges {
  const changed = new Map<number, Repo>();
  const dropped = new Set<number>();
  const unwritten = new Set<number>();
  const confirmations = new Map<number, number>();
  /** Keys of changed repos. A renamed repo is also under its former name. */
  const changedById = new Map<number, number>();
  const changedByName = new Map<string, Set<number>>();
  let count = state.repos.size;

  const note = (repo: Repo): void => {
    changed.set(repo.key, repo);
    if (repo.woodpeckerId !== null) changedById.set(repo.woodpeckerId, repo.key);
    const name = nameKey(repo.fullName);
    changedByName.set(name, (changedByName.get(name) ?? new Set()).add(repo.key));
  };

  const repos: RepoChanges = {
    at(key) {
      const repo = changed.get(key) ?? state.repos.get(key);
      if (!repo || dropped.has(key)) throw new Error(`No repo has the key ${key}`);
      return repo;
    },
    byId(woodpeckerId) {
      const key = changedById.get(woodpeckerId) ?? state.repoById(woodpeckerId)?.key;
      return key === undefined ? null : repos.at(key);
    },
    withId(woodpeckerId) {
      const repo = repos.byId(woodpeckerId);
      if (!repo) throw new Error(`No repo has the id ${woodpeckerId}`);
      return repo;
    },
    named(fullName) {
      const name = nameKey(fullName);
      const keys = new Set(changedByName.get(name));
      for (const { key } of state.reposByName(name)) keys.add(key);
      const found: Repo[] = [];
      for (const key of keys) {
        if (dropped.has(key)) continue;
        const repo = repos.at(key);
        if (nameKey(repo.fullName) === name) found.push(repo);
      }
      return found.sort((a, b) => b.namedAt - a.namedAt || b.key - a.key);
    },
    find({ woodpeckerId, fullName }) {
      if (woodpeckerId === null) return repos.named(fullName)[0] ?? null;
      const known = repos.byId(woodpeckerId);
      if (known) return known;
      // A repo without an id gets the first id that is seen under its name.
      return repos.named(fullName).find((repo) => repo.woodpeckerId === null) ?? null;
    },
    async add(repo) {
      const added = await tx.repos.add(repo);
      note(added);
      count++;
      return added;
    },
    put(repo) {
      if (!isSameGround(knownGroundOf(repos.at(repo.key)), knownGroundOf(repo))) onNewGround(repo.key);
      note(repo);
      unwritten.add(repo.key);
    },
    confirmedAt: (key) => confirmations.get(key) ?? state.confirmedAt(key),
    confirm(key, at) {
      if (at > repos.confirmedAt(key)) confirmations.set(key, at);
    },
    async drop(key) {
      await tx.repos.drop(key);
      dropped.add(key);
      changed.delete(key);
      unwritten.delete(key);
      count--;
    },
    async finish() {
      for (const key of unwritten) await tx.repos.put(repos.at(key));
      unwritten.clear();
      return { repos: [...changed.values()], confirmations, droppedRepos: [...dropped] };
    },
    get count() {
      return count;
    },
  };
  return repos;
}

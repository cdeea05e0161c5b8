/** What one transaction does to repos: later steps see earlier ones, and the state is only read. */

import { nameKey, type Repo, type RepoFacts } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';

export interface RepoChanges {
  /** Throws where there is none. */
  at(key: number): Repo;
  byId(woodpeckerId: number): Repo | null;
  /** Those that share the name as of now, whatever its case; the one named last comes first. */
  named(fullName: string): readonly Repo[];
  /** The one that `facts` are about. */
  find(facts: Pick<RepoFacts, 'woodpeckerId' | 'fullName'>): Repo | null;
  add(repo: Omit<Repo, 'key'>): Promise<Repo>;
  put(repo: Repo): void;
  /** How many there are now. */
  readonly count: number;
  /** Writes what was put, each repo once: in a burst nearly every event makes its repo's name newer. Returns them all. */
  finish(): Promise<readonly Repo[]>;
}

export function createRepoChanges(tx: Transaction, state: State): RepoChanges {
  const changed = new Map<number, Repo>();
  const unwritten = new Set<number>();
  let count = state.repos.size;
  const repos: RepoChanges = {
    at(key) {
      const repo = changed.get(key) ?? state.repos.get(key);
      if (!repo) throw new Error(`No repo has the key ${key}`);
      return repo;
    },
    byId(woodpeckerId) {
      for (const repo of changed.values()) if (repo.woodpeckerId === woodpeckerId) return repo;
      const found = state.repoById(woodpeckerId);
      return found && repos.at(found.key);
    },
    named(fullName) {
      const name = nameKey(fullName);
      const keys = new Set([...state.reposByName(name).map((repo) => repo.key), ...changed.keys()]);
      return [...keys]
        .map(repos.at)
        .filter((repo) => nameKey(repo.fullName) === name)
        .sort((a, b) => b.namedAt - a.namedAt || b.key - a.key);
    },
    find({ woodpeckerId, fullName }) {
      if (woodpeckerId === null) return repos.named(fullName)[0] ?? null;
      const known = repos.byId(woodpeckerId);
      if (known) return known;
      // One without an id yet: the first id seen under its name adopts it.
      return repos.named(fullName).find((repo) => repo.woodpeckerId === null) ?? null;
    },
    async add(repo) {
      const added = await tx.repos.add(repo);
      changed.set(added.key, added);
      count++;
      return added;
    },
    put(repo) {
      changed.set(repo.key, repo);
      unwritten.add(repo.key);
    },
    async finish() {
      for (const key of unwritten) await tx.repos.put(repos.at(key));
      unwritten.clear();
      return [...changed.values()];
    },
    get count() {
      return count;
    },
  };
  return repos;
}

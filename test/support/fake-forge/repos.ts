/** Which repos there are, by their names, the names that they had, and their ids. Case is ignored, as on every forge. */

import { createGraph, type Graph } from './graph.ts';

export interface FakeRepo {
  readonly id: number;
  readonly fullName: string;
  readonly isPrivate: boolean;
  readonly graph: Graph;
}

export type Repos = ReturnType<typeof createRepos>;

export function createRepos() {
  const repos = new Map<number, FakeRepo>();
  const ids = new Map<string, number>();

  /** By a name that it has or had. */
  function find(name: string): FakeRepo | null {
    return repos.get(ids.get(name.toLowerCase()) ?? 0) ?? null;
  }

  function byName(name: string): FakeRepo {
    const repo = find(name);
    if (!repo) throw new Error(`There is no repo ${name}`);
    return repo;
  }

  return {
    find,
    byName,
    byId: (id: number): FakeRepo | null => repos.get(id) ?? null,
    add(fullName: string, isPrivate: boolean): void {
      const id = repos.size + 1;
      repos.set(id, { id, fullName, isPrivate, graph: createGraph() });
      ids.set(fullName.toLowerCase(), id);
    },
    rename(from: string, to: string): void {
      const repo = byName(from);
      repos.set(repo.id, { ...repo, fullName: to });
      ids.set(to.toLowerCase(), repo.id);
    },
  };
}

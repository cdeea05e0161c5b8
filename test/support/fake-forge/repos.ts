/** The repos of a fake forge by their ids, their names and the names that they had. Case is ignored, as on every forge. */

import { createGraph, type Graph } from './graph.ts';

export interface FakeRepo {
  readonly id: number;
  readonly fullName: string;
  readonly isPrivate: boolean;
  /** No token has the right to read it. */
  readonly isHidden: boolean;
  readonly graph: Graph;
}

export type Repos = ReturnType<typeof createRepos>;

export function createRepos() {
  const repos = new Map<number, FakeRepo>();
  const ids = new Map<string, number>();
  let lastId = 0;

  /** The repo with a current or former name. */
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
    /** A former name of another repo now belongs to the new one. */
    add(fullName: string, isPrivate: boolean): number {
      const id = ++lastId;
      repos.set(id, { id, fullName, isPrivate, isHidden: false, graph: createGraph() });
      ids.set(fullName.toLowerCase(), id);
      return id;
    },
    rename(from: string, to: string): void {
      const repo = byName(from);
      repos.set(repo.id, { ...repo, fullName: to });
      ids.set(to.toLowerCase(), repo.id);
    },
    setHidden(name: string, isHidden: boolean): void {
      const repo = byName(name);
      repos.set(repo.id, { ...repo, isHidden });
    },
    delete(name: string): void {
      repos.delete(byName(name).id);
    },
  };
}

/** Whether the forge shows the repo to the bearer of `token`. */
export function isShown(repo: FakeRepo | null, token: string | undefined): repo is FakeRepo {
  return repo !== null && !repo.isHidden && !(repo.isPrivate && token === undefined);
}

/** Who had a name before, and since when a repo has its name, as far as the service has seen the renames. */

import { nameKey, type Repo } from '../core/repo.ts';
import type { Transaction } from '../store/store.ts';

export interface NameHistory {
  /** Notes that the repo has left the name. */
  noteLeft(fullName: string, repo: Repo): Promise<void>;
  /** Notes that the repo has a new name. */
  noteTaken(repo: Repo): Promise<void>;
  /** The repo that left the name last; `null`: none did. */
  lastOwner(fullName: string): Promise<FormerOwner | null>;
  /** Unix seconds at which the repo got its name by a rename; 0: it was never renamed. */
  takenAt(repo: Repo): Promise<number>;
}

export interface FormerOwner {
  /** Key of the repo. */
  readonly repo: number;
  /** Unix seconds. */
  readonly at: number;
}

/** `now` in Unix seconds. */
export function createNameHistory({ meta }: Pick<Transaction, 'meta'>, now: number): NameHistory {
  const leftKey = (fullName: string) => `former name: ${nameKey(fullName)}`;
  const takenKey = ({ key }: Repo) => `renamed: ${key}`;
  return {
    noteLeft: (fullName, { key }) => meta.put(leftKey(fullName), JSON.stringify({ repo: key, at: now })),
    noteTaken: (repo) => meta.put(takenKey(repo), String(now)),
    async lastOwner(fullName) {
      const stored = await meta.get(leftKey(fullName));
      return stored === null ? null : (JSON.parse(stored) as FormerOwner);
    },
    takenAt: async (repo) => Number((await meta.get(takenKey(repo))) ?? 0),
  };
}

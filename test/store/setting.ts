/** What the tests of the store share. */

import type { Repo } from '../../src/core/repo.ts';
import type { Transaction } from '../../src/store/store.ts';
import { aRepo } from '../support/records.ts';

/** Adds a repo with this id and a name of its own, and returns its key. */
export async function addRepo(
  tx: Transaction,
  woodpeckerId: number,
  overrides: Partial<Repo> = {},
): Promise<number> {
  const { key: _, ...repo } = aRepo({ woodpeckerId, fullName: `acme/repo-${woodpeckerId}`, ...overrides });
  return (await tx.repos.add(repo)).key;
}

export async function collect<T>(slices: AsyncIterable<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const slice of slices) all.push(...slice);
  return all;
}

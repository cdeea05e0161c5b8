/**
 * Facts about a database's rows that save reading them. Only the one exporter writes the rows, through one connection.
 *
 * Guarantee: a row is absent if this says so. After a rollback it may say that an absent row may exist.
 */

import type { Sql } from './sqlite-statements.ts';

export interface KnownRows {
  /** Whether the number is above all numbers of the repo, as that of a new pipeline is. */
  isAboveAll(repo: number, number: number): Promise<boolean>;
  /** Call it for each written pipeline. */
  noteNumber(repo: number, number: number): void;
  /** Whether there may be a commit with two ids. */
  mayHaveCommitIds(): Promise<boolean>;
  /** Call it for each written id of a commit. */
  noteCommitId(): void;
}

export function createKnownRows({ get }: Pick<Sql, 'get'>): KnownRows {
  const highest = new Map<number, number>();
  let hasCommitIds: boolean | null = null;
  return {
    async isAboveAll(repo, number) {
      let above = highest.get(repo);
      if (above === undefined) {
        const row = await get('SELECT MAX(number) AS highest FROM pipelines WHERE repo = ?', repo);
        above = Number(row?.['highest'] ?? -1);
        highest.set(repo, above);
      }
      return number > above;
    },
    noteNumber(repo, number) {
      const above = highest.get(repo);
      if (above !== undefined && number > above) highest.set(repo, number);
    },
    async mayHaveCommitIds() {
      hasCommitIds ??= (await get('SELECT 1 FROM commit_ids LIMIT 1')) !== undefined;
      return hasCommitIds;
    },
    noteCommitId() {
      hasCommitIds = true;
    },
  };
}

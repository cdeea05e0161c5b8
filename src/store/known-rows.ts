/**
 * What is certain about a database's rows without a look at them. Only the one exporter writes them, through one
 * connection.
 *
 * Guarantee: a row that is said to be absent is absent. A transaction that is rolled back only makes for looks in vain.
 */

import type { Sql } from './sqlite-statements.ts';

export interface KnownRows {
  /** Whether the number is above all numbers of the repo, as that of a new pipeline is. */
  isAboveAll(repo: number, number: number): Promise<boolean>;
  /** To be called with each pipeline that is written. */
  noteNumber(repo: number, number: number): void;
  /** Whether there may be a commit with two ids. */
  mayHaveCommitIds(): Promise<boolean>;
  /** To be called with each id of a commit that is written. */
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

/** The ids of commits and the forge's answers in SQLite, with the guarantees of `store.ts`. */

import { fromRange } from './change-rows.ts';
import type { KnownRows } from './known-rows.ts';
import type { Sql } from './sqlite-statements.ts';
import type { PipelineTable } from './store.ts';

type CommitTable = Pick<
  PipelineTable,
  'putChange' | 'commitOf' | 'putCommitId' | 'copyCommitIds' | 'dropUnknownChanges'
>;

export function createCommitTable({ run, get }: Pick<Sql, 'run' | 'get'>, known: KnownRows): CommitTable {
  return {
    async putChange({ repo, number, tier }, { base, head, range }) {
      await run(
        `INSERT OR REPLACE INTO changes (repo, number, tier, base, head, commits)
           SELECT repo, number, ?, ?, ?, ? FROM pipelines WHERE repo = ? AND number = ?`,
        tier,
        base,
        head,
        fromRange(range),
        repo,
        number,
      );
    },
    async commitOf(repo, id) {
      if (!(await known.mayHaveCommitIds())) return id;
      const row = await get('SELECT commit_id FROM commit_ids WHERE repo = ? AND told = ?', repo, id);
      return row ? String(row['commit_id']) : id;
    },
    async putCommitId(repo, id, commit) {
      known.noteCommitId();
      await run(
        'INSERT OR REPLACE INTO commit_ids (repo, told, commit_id) VALUES (?, ?, ?)',
        repo,
        id,
        commit,
      );
    },
    async copyCommitIds(from, into) {
      await run(
        `INSERT OR IGNORE INTO commit_ids (repo, told, commit_id)
           SELECT ?, told, commit_id FROM commit_ids WHERE repo = ?`,
        into,
        from,
      );
    },
    async dropUnknownChanges() {
      await run('DELETE FROM changes WHERE commits IS NULL');
    },
  };
}

import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createKnownRows } from '../../src/store/known-rows.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createPipelineTable } from '../../src/store/sqlite-pipelines.ts';
import { createSql, type Sql } from '../../src/store/sqlite-statements.ts';
import type { NextPipelines } from '../../src/store/store.ts';
import { aRecord, aStoredPipeline } from '../support/records.ts';

const numbered = (number: number) => aStoredPipeline({ record: aRecord({ number }) });

describe('a pipeline with a higher number than all others of its repo', () => {
  let database: DatabaseSync;
  let statements: string[];
  let tables: readonly NextPipelines[];

  beforeEach(() => {
    database = new DatabaseSync(':memory:');
    onTestFinished(() => database.close());
    database.exec('PRAGMA foreign_keys = OFF');
    migrate(database);
    const sql = createSql(database);
    statements = [];
    const watched: Sql = {
      ...sql,
      run: (text, ...values) => {
        statements.push(text);
        return sql.run(text, ...values);
      },
      get: (text, ...values) => {
        statements.push(text);
        return sql.get(text, ...values);
      },
    };
    const known = createKnownRows(watched);
    tables = [createPipelineTable(watched, known, ''), createPipelineTable(watched, known, '_b')];
  });
  const [first, second] = [() => tables[0] as NextPipelines, () => tables[1] as NextPipelines];

  it('is written without a read once the repo was read', async () => {
    await first().put(numbered(1));
    statements.length = 0;
    expect(await first().get(1, 2)).toBeNull();
    expect(await first().commitOf(1, 'a')).toBe('a');
    await first().put(numbered(2));
    expect(statements.map((text) => text.split(' ', 3).join(' '))).toEqual([
      'SELECT 1 FROM',
      'INSERT INTO pipelines',
      'INSERT INTO deployments',
    ]);
  });

  it('is found and replaced afterwards, in both places', async () => {
    await first().put(numbered(7));
    await first().put({ ...numbered(7), isPending: true });
    expect(await first().get(1, 7)).toEqual({ ...numbered(7), isPending: true });
    await second().put(numbered(8));
    expect(await first().get(1, 8)).not.toBeNull();
    expect(await first().get(1, 3)).toBeNull();
  });

  it('is gone after a rollback', async () => {
    await first().put(numbered(1));
    database.exec('BEGIN');
    await first().put(numbered(2));
    database.exec('ROLLBACK');
    expect(await first().get(1, 2)).toBeNull();
    await first().put(numbered(2));
    expect(await first().get(1, 2)).toEqual(numbered(2));
  });

  it('has its commit id resolved, whichever place has stored that', async () => {
    expect(await first().commitOf(1, 'tag')).toBe('tag');
    await second().putCommitId(1, 'tag', 'commit');
    expect(await first().commitOf(1, 'tag')).toBe('commit');
  });
});

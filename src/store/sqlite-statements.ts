/**
 * Runs SQL with statements that are prepared once, and yields to the event loop between them.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { createEventLoopYield } from '../util/clock.ts';
import type { SqlRow, SqlValue } from './sql-values.ts';

export interface Sql {
  run(sql: string, ...values: SqlValue[]): Promise<number>;
  get(sql: string, ...values: SqlValue[]): Promise<SqlRow | undefined>;
  all(sql: string, ...values: SqlValue[]): Promise<SqlRow[]>;
  allArrays(sql: string, ...values: SqlValue[]): Promise<SqlValue[][]>;
}

export function createSql(database: DatabaseSync): Sql {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const yieldToEventLoop = createEventLoopYield();
  return {
    async run(sql, ...values) {
      await yieldToEventLoop();
      return Number(prepare(sql).run(...values).changes);
    },
    async get(sql, ...values) {
      await yieldToEventLoop();
      return prepare(sql).get(...values) as SqlRow | undefined;
    },
    async all(sql, ...values) {
      await yieldToEventLoop();
      return prepare(sql).all(...values) as SqlRow[];
    },
    async allArrays(sql, ...values) {
      await yieldToEventLoop();
      const statement = prepare(sql);
      statement.setReturnArrays(true);
      return statement.all(...values) as unknown as SqlValue[][];
    },
  };
}

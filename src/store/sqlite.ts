/**
 * The store on an embedded SQLite file, in WAL mode with `synchronous=FULL`.
 *
 * One connection, one transaction at a time. Guarantees and errors are those of `store.ts`.
 */

import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type IgnoreReason, ignoreReasons, type Outcome } from '../core/classification.ts';
import { type Follow, targetKey } from '../core/follow.ts';
import type { Pair } from '../core/pair.ts';
import { createQueue } from '../core/queue.ts';
import { migrate, refuseForeign, refuseOlder } from './migrate.ts';
import {
  changeColumns,
  deploymentColumns,
  fromPipeline,
  fromRange,
  fromRepo,
  lastToldAt,
  pipelineColumns,
  type SqlRow,
  type SqlValue,
  toPipeline,
  toRepo,
  toTieredDeployment,
  toUncounted,
} from './rows.ts';
import {
  type PipelineTable,
  type Store,
  StoreUnavailable,
  StoreUnusable,
  type Transaction,
} from './store.ts';

const sliceRows = 2000;
/** Longest stretch of work in a transaction before the event loop has its turn, in milliseconds. */
const stretchMs = 15;
/** A longer log, 16 MB, lets pages that are written again and again reach the file once. */
const checkpointPages = 4000;
/** Waiting for another process blocks this one: not for long. */
const busyTimeoutMs = 200;

/**
 * Opens or creates the database at `path`, and brings it to the present version. Throws
 * `StoreUnusable` for a file of a newer version, of another program, or in use by another exporter, `StoreUnavailable`
 * where it cannot be opened.
 * Read-only, the file must exist and be of the present version, and nothing is ever written to it.
 */
export function openSqliteStore(path: string, { isReadOnly = false } = {}): Store {
  const { database, lock } = openDatabase(path, isReadOnly);
  const identity = identityOf(path);
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const queue = createQueue();
  const transaction = createTransaction(prepare);
  let isClosed = false;

  return {
    transact(work) {
      if (isClosed) return Promise.reject(new StoreUnavailable('Store is closed'));
      return queue.run(async () => {
        try {
          if (identityOf(path) !== identity) {
            throw new StoreUnavailable(`Database "${path}" was removed or replaced: restart the exporter`);
          }
          database.exec(isReadOnly ? 'BEGIN' : 'BEGIN IMMEDIATE');
          const result = await work(transaction);
          database.exec('COMMIT');
          return result;
        } catch (cause) {
          if (database.isTransaction) database.exec('ROLLBACK');
          throw asStoreError(cause);
        }
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await queue.idle();
      database.close();
      lock?.close();
    },
  };
}

/**
 * Keeps other exporters away for as long as this one lives, since each holds totals in memory. A lock on a file beside
 * the database, so that whoever only reads is let in; the system ends it with the process.
 */
function lockForOne(path: string): DatabaseSync {
  const lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    if (!isSqliteError(cause) || (cause.errcode & 0xff) !== 5) throw cause;
    throw new StoreUnusable(`Database "${path}" is in use by another exporter`, { cause });
  }
}

/** Which file stands at the path; `null` where there is none. */
function identityOf(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev}/${stat.ino}` : null;
}

function openDatabase(
  path: string,
  isReadOnly: boolean,
): { database: DatabaseSync; lock: DatabaseSync | null } {
  let database: DatabaseSync | null = null;
  let lock: DatabaseSync | null = null;
  try {
    if (!isReadOnly) mkdirSync(dirname(path), { recursive: true });
    database = new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly: isReadOnly });
    refuseForeign(database);
    if (isReadOnly) {
      refuseOlder(database);
    } else {
      lock = lockForOne(path);
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
      migrate(database);
    }
    return { database, lock };
  } catch (cause) {
    database?.close();
    lock?.close();
    if (cause instanceof StoreUnusable) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    if (isNotADatabase(cause)) {
      throw new StoreUnusable(`Not a database of this exporter: ${message}`, { cause });
    }
    throw new StoreUnavailable(`Cannot open the database "${path}": ${message}`, { cause });
  }
}

function createTransaction(prepare: (sql: string) => StatementSync): Transaction {
  let stretchBegan = performance.now();
  /** Lets the event loop have its turn where a stretch of work has grown long. */
  const breathe = async (): Promise<void> => {
    if (performance.now() - stretchBegan < stretchMs) return;
    await nextTurn();
    stretchBegan = performance.now();
  };
  const run = async (sql: string, ...values: SqlValue[]): Promise<number> => {
    await breathe();
    return Number(prepare(sql).run(...values).changes);
  };
  const get = async (sql: string, ...values: SqlValue[]): Promise<SqlRow | undefined> => {
    await breathe();
    return prepare(sql).get(...values) as SqlRow | undefined;
  };
  const all = async (sql: string, ...values: SqlValue[]): Promise<SqlRow[]> => {
    await breathe();
    return prepare(sql).all(...values) as SqlRow[];
  };
  const allArrays = async (sql: string, ...values: SqlValue[]): Promise<SqlValue[][]> => {
    await breathe();
    const statement = prepare(sql);
    statement.setReturnArrays(true);
    return statement.all(...values) as unknown as SqlValue[][];
  };

  return {
    meta: {
      async get(key) {
        const row = await get('SELECT value FROM meta WHERE key = ?', key);
        return row ? String(row['value']) : null;
      },
      async put(key, value) {
        await run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', key, value);
      },
    },
    repos: {
      all: async () => (await all('SELECT * FROM repos ORDER BY key')).map(toRepo),
      async add(repo) {
        const row = await get(
          `INSERT INTO repos (woodpecker_id, forge_remote_id, full_name, named_at, default_branches, horizon,
             known_since, is_revealed, is_gone, scan) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key`,
          ...fromRepo(repo),
        );
        return { ...repo, key: Number(row?.['key']) };
      },
      async put(repo) {
        await run(
          `UPDATE repos SET woodpecker_id = ?, forge_remote_id = ?, full_name = ?, named_at = ?,
             default_branches = ?, horizon = ?, known_since = ?, is_revealed = ?, is_gone = ?, scan = ? WHERE key = ?`,
          ...fromRepo(repo),
          repo.key,
        );
      },
    },
    pipelines: createPipelineTable({ run, get, all, allArrays }),
    pairs: {
      all: async () =>
        (await all('SELECT * FROM pairs')).map(
          (row): Pair => ({
            repo: Number(row['repo']),
            tier: String(row['tier']),
            isKnown: row['is_known'] === 1,
            totals: JSON.parse(String(row['totals'])),
          }),
        ),
      async put(pair) {
        await run(
          'INSERT OR REPLACE INTO pairs (repo, tier, is_known, totals) VALUES (?, ?, ?, ?)',
          pair.repo,
          pair.tier,
          Number(pair.isKnown),
          JSON.stringify(pair.totals),
        );
      },
    },
    follows: {
      all: async () =>
        (await all('SELECT * FROM follows')).map(
          (row): Follow => ({
            target: JSON.parse(String(row['target'])),
            number: Number(row['number']),
            bornAt: Number(row['born_at']),
            askedAt: row['asked_at'] === null ? null : Number(row['asked_at']),
            hintedAt: row['hinted_at'] === null ? null : Number(row['hinted_at']),
          }),
        ),
      async put(follow) {
        await run(
          `INSERT OR REPLACE INTO follows (target_key, number, target, born_at, asked_at, hinted_at)
             VALUES (?, ?, ?, ?, ?, ?)`,
          targetKey(follow.target),
          follow.number,
          JSON.stringify(follow.target),
          follow.bornAt,
          follow.askedAt,
          follow.hintedAt,
        );
      },
      async drop(follow) {
        await run(
          'DELETE FROM follows WHERE target_key = ? AND number = ?',
          targetKey(follow.target),
          follow.number,
        );
      },
    },
    backfills: {
      newest: async (limit) =>
        (await all('SELECT * FROM backfills ORDER BY started_at_ms DESC, id DESC LIMIT ?', limit)).map(
          (row) => ({
            id: String(row['id']),
            startedAtMs: Number(row['started_at_ms']),
            summary: String(row['summary']),
          }),
        ),
      async put(backfill) {
        await run(
          'INSERT OR REPLACE INTO backfills (id, started_at_ms, summary) VALUES (?, ?, ?)',
          backfill.id,
          backfill.startedAtMs,
          backfill.summary,
        );
      },
      async keepNewest(limit) {
        await run(
          `DELETE FROM backfills WHERE id NOT IN
             (SELECT id FROM backfills ORDER BY started_at_ms DESC, id DESC LIMIT ?)`,
          limit,
        );
      },
    },
  };
}

interface Sql {
  run(sql: string, ...values: SqlValue[]): Promise<number>;
  get(sql: string, ...values: SqlValue[]): Promise<SqlRow | undefined>;
  all(sql: string, ...values: SqlValue[]): Promise<SqlRow[]>;
  allArrays(sql: string, ...values: SqlValue[]): Promise<SqlValue[][]>;
}

function createPipelineTable({ run, get, all, allArrays }: Sql): PipelineTable {
  const putSql = `INSERT OR REPLACE INTO pipelines (${pipelineColumns.join(', ')})
    VALUES (${pipelineColumns.map(() => '?').join(', ')})`;
  const isDeployment = 'outcome IS NOT NULL AND is_held = 0';
  const selectPipelines = `SELECT pipelines.*, ${changeColumns} FROM pipelines LEFT JOIN changes USING (repo, number)`;
  return {
    async get(repo, number) {
      const row = await get(`${selectPipelines} WHERE repo = ? AND number = ?`, repo, number);
      return row ? toPipeline(row) : null;
    },
    async put(pipeline) {
      await run(putSql, ...fromPipeline(pipeline));
    },
    async setCredited(repo, number, credited) {
      await run('UPDATE pipelines SET credited = ? WHERE repo = ? AND number = ?', credited, repo, number);
    },
    async creditAll(bits) {
      await run('UPDATE pipelines SET credited = credited | ? WHERE outcome IS NOT NULL', bits);
    },
    async putChange(repo, number, { base, head, range }) {
      await run(
        'INSERT OR REPLACE INTO changes (repo, number, base, head, commits) VALUES (?, ?, ?, ?, ?)',
        repo,
        number,
        base,
        head,
        fromRange(range),
      );
    },
    async dropUnknownChanges() {
      await run('DELETE FROM changes WHERE commits IS NULL');
    },
    async *all(repo) {
      const where = repo === undefined ? '(repo, number) > (?, ?)' : 'repo = ? AND number > ?';
      const sql = `${selectPipelines} WHERE ${where} ORDER BY repo, number LIMIT ${sliceRows}`;
      let after: [number, number] = [repo ?? -1, -1];
      for (;;) {
        const slice = (await all(sql, ...after)).map(toPipeline);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = [last.repo, last.record.number];
      }
    },
    async *deployments({ only, withFirstSeen = false, sliceRows: atOnce = sliceRows } = {}) {
      const where = only
        ? 'repo = ? AND tier = ? AND (deployed_at, number) > (?, ?)'
        : '(repo, tier, deployed_at, number) > (?, ?, ?, ?)';
      const firstSeen = withFirstSeen
        ? `(SELECT MIN(created_at) FROM pipelines AS same INDEXED BY pipelines_commits WHERE same.is_held = 0
            AND same.repo = pipelines.repo AND same.commit_sha = pipelines.commit_sha AND same.commit_sha <> '')`
        : 'NULL';
      const sql = `SELECT ${deploymentColumns}, ${firstSeen}, ${changeColumns}
        FROM pipelines INDEXED BY pipelines_deployments LEFT JOIN changes USING (repo, number)
        WHERE ${isDeployment} AND ${where} ORDER BY repo, tier, deployed_at, number LIMIT ${atOnce}`;
      let after: SqlValue[] = [
        only?.repo ?? -1,
        only?.tier ?? '',
        only?.after ?? -1,
        // No number is higher: all that was deployed in that second is left out.
        only?.after === undefined ? -1 : Number.MAX_SAFE_INTEGER,
      ];
      for (;;) {
        const slice = (await allArrays(sql, ...after)).map(toTieredDeployment);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = [last.deployment.repo, last.tier, last.deployment.at, last.deployment.number];
      }
    },
    async *uncounted({ repo, tier, after, until }) {
      const sql = `SELECT number, ${lastToldAt} AS at, reason FROM pipelines INDEXED BY pipelines_uncounted
        WHERE outcome IS NULL AND is_held = 0 AND repo = ? AND (tier = ? OR tier IS NULL)
          AND ${lastToldAt} > ? AND ${lastToldAt} <= ? AND (${lastToldAt} < ? OR number < ?)
        ORDER BY ${lastToldAt} DESC, number DESC LIMIT ${sliceRows}`;
      // A comparison of rows, as elsewhere, would not be looked up in an index on an expression.
      let before: [number, number, number] = [until, until + 1, 0];
      for (;;) {
        const slice = (await all(sql, repo, tier, after, ...before)).map(toUncounted);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        before = [last.at, last.at, last.number];
      }
    },
    async *held(repo) {
      const sql = `SELECT pipelines.*, ${changeColumns} FROM pipelines INDEXED BY pipelines_held
        LEFT JOIN changes USING (repo, number) WHERE is_held = 1 AND repo = ? AND number > ? ORDER BY number LIMIT ${sliceRows}`;
      let after = -1;
      for (;;) {
        const slice = (await all(sql, repo, after)).map(toPipeline);
        const last = slice.at(-1);
        if (!last) return;
        yield slice;
        after = last.record.number;
      }
    },
    async releaseHeld(repo) {
      const sql = `UPDATE pipelines SET is_held = 0 WHERE repo = ? AND number IN (SELECT number FROM pipelines
        INDEXED BY pipelines_held WHERE is_held = 1 AND repo = ? LIMIT ${sliceRows})`;
      while ((await run(sql, repo, repo)) > 0);
    },
    async firstCreatedAt(repo, commit) {
      const row = await get(
        `SELECT MIN(created_at) AS first FROM pipelines INDEXED BY pipelines_commits
           WHERE is_held = 0 AND repo = ? AND commit_sha = ?`,
        repo,
        commit,
      );
      const first = row?.['first'];
      return first === null || first === undefined ? null : Number(first);
    },
    async tiersOfCommit(repo, commit) {
      const rows = await all(
        `SELECT DISTINCT tier FROM pipelines INDEXED BY pipelines_commits
           WHERE is_held = 0 AND repo = ? AND commit_sha = ? AND outcome IS NOT NULL ORDER BY tier`,
        repo,
        commit,
      );
      return rows.map((row) => String(row['tier']));
    },
    async lowestUpdatedSince(repo, since) {
      const row = await get(
        'SELECT MIN(number) AS lowest FROM pipelines WHERE repo = ? AND updated_at >= ?',
        repo,
        since,
      );
      const lowest = row?.['lowest'];
      return lowest === null || lowest === undefined ? null : Number(lowest);
    },
    async outcomes(repo) {
      const rows = await all(
        'SELECT DISTINCT tier, outcome FROM pipelines WHERE repo = ? AND tier IS NOT NULL',
        repo,
      );
      const found = new Map<string, Set<Outcome>>();
      for (const { tier, outcome } of rows) {
        const outcomes = found.get(String(tier)) ?? new Set();
        found.set(String(tier), outcome === null ? outcomes : outcomes.add(outcome as Outcome));
      }
      return found;
    },
    async ignoredCounts() {
      const rows = await all(
        'SELECT reason, COUNT(*) AS n FROM pipelines WHERE reason IS NOT NULL GROUP BY reason',
      );
      const counts = new Map(rows.map((row) => [String(row['reason']), Number(row['n'])]));
      return new Map(ignoreReasons.map((reason: IgnoreReason) => [reason, counts.get(reason) ?? 0]));
    },
    async eventCounts() {
      const rows = await all(
        `SELECT tier, COALESCE(event, 'unknown') AS event, COUNT(*) AS n FROM pipelines
           WHERE outcome IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2`,
      );
      return rows.map((row) => ({
        tier: String(row['tier']),
        event: String(row['event']),
        deployments: Number(row['n']),
      }));
    },
  };
}

/** Busy, locked, no memory, read-only, I/O, corrupt, full, cannot open, protocol: https://www.sqlite.org/rescode.html */
const unavailableCodes = new Set([5, 6, 7, 8, 10, 11, 13, 14, 15]);

/** SQLite's own faults mean that the store is unavailable; anything else, a value it refuses included, is the caller's. */
function asStoreError(cause: unknown): unknown {
  if (!isSqliteError(cause) || !unavailableCodes.has(cause.errcode & 0xff)) return cause;
  return new StoreUnavailable(`Store cannot commit: ${cause.message}`, { cause });
}

function isSqliteError(error: unknown): error is Error & { errcode: number } {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

/** SQLITE_NOTADB is 26, SQLITE_CORRUPT 11: https://www.sqlite.org/rescode.html */
function isNotADatabase(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode === 26 || error.errcode === 11);
}

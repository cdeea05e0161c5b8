/**
 * The store on SQLite: an embedded file in WAL mode with `synchronous=FULL`, or `:memory:`.
 *
 * One connection, one transaction at a time. Guarantees and errors are those of `store.ts`.
 */

import type { DatabaseSync } from 'node:sqlite';
import { type Follow, targetKey } from '../core/poll-schedule.ts';
import type { Pair } from '../core/series/pair.ts';
import { createQueue } from '../util/serial-queue.ts';
import { checkpoint } from './checkpoint.ts';
import type { FileFault } from './file-watch.ts';
import { fromRepo, toRepo } from './rows.ts';
import { asStoreError, isSqliteError } from './sqlite-errors.ts';
import { type Connection, openInMemory, openToRead, openToWrite } from './sqlite-file.ts';
import { createIncidentTable, createMarkTable } from './sqlite-incidents.ts';
import { createPipelineTable } from './sqlite-pipelines.ts';
import { createSql, type Sql } from './sqlite-statements.ts';
import { type Store, StoreDamaged, StoreUnavailable, type Transaction } from './store.ts';

/**
 * Opens or creates the database at `path`, and brings it to the present version. Throws `StoreUnusable` for a file of a
 * newer version, of another program, or in use by another exporter, and `StoreUnavailable` if it cannot be opened.
 * Read-only, the file must exist and be of the present version, and nothing is ever written to it.
 */
export function openSqliteStore(path: string, { isReadOnly = false } = {}): Store {
  return createStore(isReadOnly ? openToRead(path) : openToWrite(path));
}

/** Keeps nothing beyond the process. */
export function openMemoryStore(): Store {
  return createStore(openInMemory());
}

function createStore(connection: Connection): Store {
  const { database, watch } = connection;
  const queue = createQueue();
  const transaction = createTransaction(createSql(database));
  let isClosed = false;
  /** Why nothing is possible any more until the next start. */
  let end: StoreUnavailable | null = null;

  /** What was said of a fault of the files: the log is saved once. */
  const told = new Map<string, StoreUnavailable>();
  const refuseFault = (): void => {
    if (end) throw end;
    const fault = watch.fault();
    if (!fault) return;
    const error =
      told.get(fault.what) ?? new StoreUnavailable(`${fault.what}. ${adviceFor(database, fault)}`);
    told.set(fault.what, error);
    throw error;
  };
  const commit = (): void => {
    database.exec('COMMIT');
    if (watch.noteCommit()) return;
    // The commit took place, but perhaps in a file that no restart finds. What is sent again changes nothing.
    const fault = { what: 'A file of the database was removed during a commit', isWhole: true };
    end = new StoreUnavailable(`${fault.what}. ${adviceFor(database, fault)}`);
    throw end;
  };

  return {
    transact(work) {
      if (isClosed) return Promise.reject(new StoreUnavailable('Store is closed'));
      return queue.run(async () => {
        refuseFault();
        try {
          database.exec(connection.begin);
          const result = await work(transaction);
          commit();
          return result;
        } catch (cause) {
          if (database.isTransaction) database.exec('ROLLBACK');
          const error = asStoreError(cause);
          // A backup will replace the database: what was committed until then would be lost.
          if (error instanceof StoreDamaged) end = error;
          throw error;
        }
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await queue.idle();
      connection.close();
    },
  };
}

/** Saves what can be saved, and says what to do. */
function adviceFor(database: DatabaseSync, { isWhole }: FileFault): string {
  return isWhole && saveLog(database)
    ? 'All that was acknowledged is in the database file: restart the exporter'
    : 'Some of what was acknowledged may be lost: restart the exporter, and if it does not start, restore a backup';
}

/** Brings all that was committed into the database file, as long as this process can still read the log. */
function saveLog(database: DatabaseSync): boolean {
  try {
    return checkpoint(database);
  } catch (error) {
    if (isSqliteError(error)) return false;
    throw error;
  }
}

function createTransaction(sql: Sql): Transaction {
  const { run, get, all } = sql;
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
    pipelines: createPipelineTable(sql),
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
    incidents: createIncidentTable(sql),
    marks: createMarkTable(sql),
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

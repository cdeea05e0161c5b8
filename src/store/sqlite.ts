/**
 * The store on SQLite: an embedded file in WAL mode with `synchronous=FULL`, or `:memory:`.
 *
 * The store has one connection, and runs one transaction at a time. `store.ts` lists its guarantees and errors.
 */

import type { DatabaseSync } from 'node:sqlite';
import { type Follow, targetKey } from '../core/poll-schedule.ts';
import type { Pair } from '../core/series/pair.ts';
import { createQueue } from '../util/serial-queue.ts';
import { type VerdictPlace, verdictPlaces } from './classification-rows.ts';
import { createKnownRows } from './known-rows.ts';
import { fromRepo, toRepo } from './repo-rows.ts';
import { createSession } from './session.ts';
import { deploymentsByPipeline } from './sqlite-deployments.ts';
import { type Connection, openForExporter, openInMemory, openToRead } from './sqlite-file.ts';
import { createIncidentTable, createMarkTable } from './sqlite-incidents.ts';
import { createPipelineTable } from './sqlite-pipelines.ts';
import { createSql, type Sql } from './sqlite-statements.ts';
import {
  type NextPipelines,
  type PipelineTable,
  type Store,
  StoreUnavailable,
  type Transaction,
} from './store.ts';

/** Opens the store that a path names. `:memory:` is lost with the process; another path is an SQLite file. */
export function openStore(path: string): Store {
  return path === ':memory:' ? openMemoryStore() : openSqliteStore(path);
}

/**
 * Opens or creates the database at `path`, and migrates it. Throws `StoreUnusable` for a file of a newer version, of
 * another program, or in use by another exporter, and `StoreUnavailable` if it cannot be opened. Read-only, the file
 * must exist and have the current schema, and is never written.
 */
export function openSqliteStore(path: string, { isReadOnly = false } = {}): Store {
  return createStore(isReadOnly ? openToRead(path) : openForExporter(path));
}

/** Its data is lost with the process. */
export function openMemoryStore(): Store {
  return createStore(openInMemory());
}

function createStore(connection: Connection): Store {
  const session = createSession(connection);
  const queue = createQueue();
  let prepared: { readonly database: DatabaseSync; readonly begin: () => Promise<Transaction> } | null = null;
  let isClosed = false;

  const begin = (): Promise<Transaction> => {
    const database = session.begin();
    if (prepared?.database !== database) prepared = { database, begin: prepare(createSql(database)) };
    return prepared.begin();
  };

  return {
    transact(work) {
      if (isClosed) return Promise.reject(new StoreUnavailable('Store is closed'));
      return queue.run(async () => {
        try {
          const result = await work(await begin());
          session.commit();
          return result;
        } catch (cause) {
          throw session.rollBack(cause);
        }
      });
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await queue.idle();
      await session.close();
    },
  };
}

const rowsAtOnce = 2000;

const placeKey = 'verdicts';

/**
 * Returns the transaction for the active policy. The active policy's place is read each time: a commit may change it.
 */
function prepare(sql: Sql): () => Promise<Transaction> {
  const known = createKnownRows(sql);
  const first = createPipelineTable(sql, known, '');
  const second = createPipelineTable(sql, known, '_b');
  const transactions = {
    '': createTransaction(sql, first, second, '_b'),
    _b: createTransaction(sql, second, first, ''),
  };
  return async () => {
    const row = await sql.get('SELECT value FROM meta WHERE key = ?', placeKey);
    return row?.['value'] === '_b' ? transactions._b : transactions[''];
  };
}

function createTransaction(
  sql: Sql,
  pipelines: PipelineTable,
  next: NextPipelines,
  nextPlace: VerdictPlace,
): Transaction {
  const { run, get, all } = sql;
  return {
    pipelines,
    next,
    async exchange() {
      await run('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)', placeKey, nextPlace);
    },
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
      async drop(key) {
        // These queries use indexes that begin with repo and number.
        for (const table of ['changes', ...verdictPlaces.map(deploymentsByPipeline), 'pipelines']) {
          const sql = `DELETE FROM ${table} WHERE repo = ? AND number IN
            (SELECT number FROM ${table} WHERE repo = ? LIMIT ${rowsAtOnce})`;
          while ((await run(sql, key, key)) > 0);
        }
        await run('DELETE FROM pairs WHERE repo = ?', key);
        await run('DELETE FROM marks WHERE repo = ?', key);
        await run('DELETE FROM commit_ids WHERE repo = ?', key);
        await run('DELETE FROM repos WHERE key = ?', key);
      },
    },
    pairs: {
      all: async () =>
        (await all('SELECT * FROM pairs')).map((row): Pair => {
          const { carried, ...totals } = JSON.parse(String(row['totals']));
          return {
            repo: Number(row['repo']),
            tier: String(row['tier']),
            isKnown: row['is_known'] === 1,
            totals,
            ...(carried && { carried }),
          };
        }),
      async put(pair) {
        await run(
          'INSERT OR REPLACE INTO pairs (repo, tier, is_known, totals) VALUES (?, ?, ?, ?)',
          pair.repo,
          pair.tier,
          Number(pair.isKnown),
          JSON.stringify({ ...pair.totals, carried: pair.carried }),
        );
      },
    },
    follows: {
      all: async () =>
        (await all('SELECT * FROM follows')).map(
          (row): Follow => ({
            target: JSON.parse(String(row['target'])),
            number: Number(row['number']),
            createdAt: Number(row['born_at']),
            polledAt: row['asked_at'] === null ? null : Number(row['asked_at']),
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
          follow.createdAt,
          follow.polledAt,
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

/** The tables of incidents and marks in SQLite, with the guarantees of `store.ts`. */

import type { OperatorMark, StoredMark } from '../core/failures/operator-mark.ts';
import { type TrackedIncident, trackedKey } from '../core/failures/tracked-incident.ts';
import type { SqlRow } from './sql-values.ts';
import type { Sql } from './sqlite-statements.ts';
import type { IncidentTable, Transaction } from './store.ts';

/** An alert may have hundreds of reports. */
const sliceRows = 100;

export function createIncidentTable({ run, get, all }: Sql): IncidentTable {
  return {
    async get(key) {
      const row = await get('SELECT document FROM incidents WHERE key = ?', key);
      return row ? toIncident(row) : null;
    },
    async put(incident) {
      await run(
        'INSERT OR REPLACE INTO incidents (key, document) VALUES (?, ?)',
        trackedKey(incident),
        JSON.stringify(incident),
      );
    },
    async *all() {
      const sql = `SELECT key, document FROM incidents WHERE key > ? ORDER BY key LIMIT ${sliceRows}`;
      let after = '';
      for (;;) {
        const rows = await all(sql, after);
        if (rows.length > 0) yield rows.map(toIncident);
        if (rows.length < sliceRows) return;
        after = String(rows.at(-1)?.['key']);
      }
    },
  };
}

export function createMarkTable({ run, all }: Sql): Transaction['marks'] {
  return {
    all: async () => (await all('SELECT * FROM marks ORDER BY repo, number, tier')).map(toMark),
    async put({ repo, number, tier, mark, reason, markedAt }) {
      await run(
        `INSERT OR REPLACE INTO marks (repo, number, tier, mark, recovered_at, reason, marked_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        repo,
        number,
        tier,
        mark.kind,
        mark.kind === 'failed' ? mark.recoveredAt : null,
        reason,
        markedAt,
      );
    },
    async drop({ repo, number, tier }) {
      await run('DELETE FROM marks WHERE repo = ? AND number = ? AND tier = ?', repo, number, tier);
    },
  };
}

function toIncident(row: SqlRow): TrackedIncident {
  return JSON.parse(String(row['document']));
}

function toMark(row: SqlRow): StoredMark {
  return {
    repo: Number(row['repo']),
    number: Number(row['number']),
    tier: String(row['tier']),
    mark: toOperatorMark(row),
    reason: row['reason'] === null ? null : String(row['reason']),
    markedAt: Number(row['marked_at']),
  };
}

function toOperatorMark(row: SqlRow): OperatorMark {
  const kind = row['mark'] as OperatorMark['kind'];
  if (kind !== 'failed') return { kind };
  return { kind, recoveredAt: row['recovered_at'] === null ? null : Number(row['recovered_at']) };
}

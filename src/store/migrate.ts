/** Migrates a database to the current schema: applies each SQL file in `migrations` once, in order. */

import { readdirSync, readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { StoreUnusable } from './store.ts';

const folder = new URL('migrations/', import.meta.url);
/** Marks the file as this program's ("Dora"), see https://www.sqlite.org/pragma.html#pragma_application_id */
const applicationId = 0x446f7261;

/** Throws `StoreUnusable` for a database of a newer version or of another program; changes nothing. */
export function refuseForeign(database: DatabaseSync): void {
  const version = pragma(database, 'user_version');
  const isEmpty = version === 0 && tableCount(database) === 0;
  if (!isEmpty && pragma(database, 'application_id') !== applicationId) {
    throw new StoreUnusable('Not a database of this exporter: its application id is another');
  }
  const newest = migrations().length;
  if (version > newest) {
    throw new StoreUnusable(
      `The database is of version ${version}, this exporter knows up to ${newest}: start a newer exporter, or restore a backup`,
    );
  }
}

/** Throws `StoreUnusable` for a database that must be migrated first. */
export function refuseOlder(database: DatabaseSync): void {
  const version = pragma(database, 'user_version');
  const newest = migrations().length;
  if (version === newest) return;
  throw new StoreUnusable(
    `The database is of version ${version}: start the exporter once to bring it to version ${newest}`,
  );
}

/** Applies the missing migrations, each in a transaction of its own. Throws as `refuseForeign` does. */
export function migrate(database: DatabaseSync): void {
  refuseForeign(database);
  const version = pragma(database, 'user_version');
  for (const [index, file] of migrations().entries()) {
    if (index < version) continue;
    database.exec('BEGIN IMMEDIATE');
    try {
      database.exec(readFileSync(new URL(file, folder), 'utf8'));
      database.exec(`PRAGMA user_version = ${index + 1}; PRAGMA application_id = ${applicationId}`);
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }
}

function migrations(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function tableCount(database: DatabaseSync): number {
  return Number(database.prepare('SELECT COUNT(*) AS n FROM sqlite_schema').get()?.['n']);
}

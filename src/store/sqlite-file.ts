/**
 * Opens the file of a database. A new file is its owner's alone, and SQLite then makes the log and the index beside it
 * likewise.
 */

import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, NoPlaceForFolder } from '../util/folder.ts';
import { findDenied, needsOf, noPlace, refuseNoFile } from './database-place.ts';
import { type FileWatch, watchFiles, watchNothing, watchPlace } from './file-watch.ts';
import { migrate, refuseForeign, refuseOlder } from './migrate.ts';
import { createOwnFile, lockForOne, refuseOtherNames } from './sole-writer.ts';
import { isDamage, isNotADatabase, isNotToBeOpened } from './sqlite-errors.ts';
import { StoreUnavailable, StoreUnusable } from './store.ts';

/** A longer log, 16 MB, lets pages that are written again and again reach the file once. */
const checkpointPages = 4000;
/** Waiting for another process blocks this one: not for long. */
const busyTimeoutMs = 200;

export interface Connection {
  readonly database: DatabaseSync;
  readonly watch: FileWatch;
  /** How a transaction begins. */
  readonly begin: string;
  close(): void;
}

/** A database that ends with the connection. */
export function openInMemory(): Connection {
  const database = new DatabaseSync(':memory:');
  database.exec('PRAGMA foreign_keys = ON');
  migrate(database);
  return { database, watch: watchNothing, begin: 'BEGIN', close: () => database.close() };
}

/**
 * Opens the database for the one exporter, makes it if it is missing, and brings it to the present version. Throws
 * `StoreUnusable` and `StoreUnavailable` as `openSqliteStore` does.
 */
export function openToWrite(path: string): Connection {
  refuseNoFile(path);
  const opened: DatabaseSync[] = [];
  try {
    makeFolder(dirname(path));
    createOwnFile(path);
    const denied = findDenied(path);
    if (denied) throw denied.cause;
    refuseOtherNames(path);
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
    opened.unshift(database);
    refuseForeign(database);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    database.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    opened.push(lockForOne(database, path));
    migrate(database);
    const watch = watchFiles(path);
    return {
      database,
      watch,
      begin: 'BEGIN IMMEDIATE',
      close() {
        closeAll(opened);
        watch.close();
      },
    };
  } catch (cause) {
    closeAll(opened);
    throw openingError(path, cause, false);
  }
}

/** Opens a database of the present version only to read, beside an exporter if one runs. Throws as `openToWrite` does. */
export function openToRead(path: string): Connection {
  refuseNoFile(path);
  const opened: DatabaseSync[] = [];
  try {
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs, readOnly: true });
    opened.push(database);
    refuseForeign(database);
    refuseOlder(database);
    return { database, watch: watchPlace(path), begin: 'BEGIN', close: () => closeAll(opened) };
  } catch (cause) {
    closeAll(opened);
    throw openingError(path, cause, true);
  }
}

/** The database before the lock, so that nobody else has it in between. */
function closeAll(opened: readonly DatabaseSync[]): void {
  for (const database of opened) database.close();
}

function openingError(path: string, cause: unknown, isReadOnly: boolean): Error {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof StoreUnusable) {
    return new StoreUnusable(`Cannot use the database "${path}": ${message}`, { cause });
  }
  if (cause instanceof NoPlaceForFolder) return noPlace(path, cause);
  if (isDamage(cause)) {
    return new StoreUnusable(`Database "${path}" is damaged, restore a backup: ${message}`, { cause });
  }
  if (isNotADatabase(cause)) {
    return new StoreUnusable(`"${path}" is not a database of this exporter: ${message}`, { cause });
  }
  const advice = isNotToBeOpened(cause) ? `: ${needsOf(path, isReadOnly)}` : '';
  return new StoreUnavailable(`Cannot open the database "${path}": ${message}${advice}`, { cause });
}

/**
 * Opens the file of a database. Only its owner can read a new file, and SQLite then makes log and index with the same rights.
 */

import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { makeFolder, NoPlaceForFolder } from '../util/folder.ts';
import { findDenied, needsOf, noPlace, refuseNoFile } from './database-place.ts';
import { type FileWatch, watchFiles, watchNothing, watchPlace } from './file-watch.ts';
import { migrate, refuseForeign, refuseOlder } from './migrate.ts';
import { createOwnFile, lockForOne, refuseOtherNames } from './sole-writer.ts';
import { isDamage, isNotADatabase, isNotToBeOpened, isUnwritable } from './sqlite-errors.ts';
import { StoreUnavailable, StoreUnusable } from './store.ts';

/** Short, since waiting for another process blocks this one. */
const busyTimeoutMs = 200;

export interface Connection {
  readonly database: DatabaseSync;
  readonly watch: FileWatch;
  /** Path of its file; `undefined`: it has none, or cannot be written. */
  readonly path?: string;
  /** The statement that begins a transaction. */
  readonly begin: string;
  /** Set if the database can only be read. */
  readonly view?: View;
  close(): void;
}

/** A database that cannot be written. */
export interface View {
  readonly reason: StoreUnavailable;
  /** Closes and reopens the database, for writing if that has become possible. Throws as `openToWrite` does. */
  reopen(): Connection;
}

/** A database in memory. */
export function openInMemory(): Connection {
  const database = new DatabaseSync(':memory:');
  database.exec('PRAGMA foreign_keys = ON');
  migrate(database);
  return { database, watch: watchNothing, begin: 'BEGIN', close: () => database.close() };
}

/**
 * Opens the database for the one exporter, creates it if it is missing, and migrates it. Throws `StoreUnusable` and
 * `StoreUnavailable` as `openSqliteStore` does.
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
    // The session checkpoints, without blocking the event loop for long.
    database.exec('PRAGMA wal_autocheckpoint = 0');
    opened.push(lockForOne(database, path));
    migrate(database);
    const watch = watchFiles(path);
    return {
      database,
      watch,
      path,
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

/** Opens a database of the current schema for reading, also while an exporter runs. Throws as `openToWrite` does. */
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

/**
 * Opens the database for the one exporter; only for reading if the disk is full or read-only and the schema is current.
 * Throws as `openToWrite` does.
 */
export function openForExporter(path: string): Connection {
  return openAsFarAsPossible(path, null);
}

/** `seen`: the state of the files before; nobody else may have changed them since. */
function openAsFarAsPossible(path: string, seen: string | null): Connection {
  try {
    return openToWrite(path);
  } catch (reason) {
    if (!(reason instanceof StoreUnavailable && isUnwritable(reason.cause))) throw reason;
    const database = openView(path);
    if (!database) throw reason;
    const state = seen ?? stateOf(path);
    const close = () => {
      if (database.isOpen) database.close();
    };
    const reopen = () => {
      if (stateOf(path) !== state) {
        throw new StoreUnavailable(`Database "${path}" was changed by another process: restart the exporter`);
      }
      // Connections of one process share the index of the log, which is read-only here.
      close();
      return openAsFarAsPossible(path, state);
    };
    return { database, watch: watchPlace(path), begin: 'BEGIN', view: { reason, reopen }, close };
  }
}

/** `null`: it cannot be read. */
function openView(path: string): DatabaseSync | null {
  let database: DatabaseSync | null = null;
  try {
    const file = realpathSync(path);
    const url = pathToFileURL(file);
    // To read a log, SQLite needs the index beside it. Without a log, it must not try to make one.
    const hasLog = (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
    if (!hasLog) url.searchParams.set('immutable', '1');
    database = new DatabaseSync(url, { timeout: busyTimeoutMs, readOnly: true });
    refuseForeign(database);
    refuseOlder(database);
    return database;
  } catch {
    database?.close();
    return null;
  }
}

function stateOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? [stats.ino, stats.size, stats.mtimeMs].join() : 'none';
}

/** Closes the database before the lock, so that nobody else opens it in between. */
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

/**
 * The file of a database: opened, brought to the present version, and kept from other exporters for as long as it is open.
 * A new one is its owner's alone, as SQLite then makes the log and the index beside it too.
 */

import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, NoPlaceForFolder } from '../util/folder.ts';
import { findDenied, needsOf, noPlace, refuseNoFile } from './database-place.ts';
import { migrate, refuseForeign, refuseOlder } from './migrate.ts';
import { isDamage, isNotADatabase, isNotToBeOpened, isSqliteError } from './sqlite-errors.ts';
import { StoreUnavailable, StoreUnusable } from './store.ts';

/** A longer log, 16 MB, lets pages that are written again and again reach the file once. */
const checkpointPages = 4000;
/** Waiting for another process blocks this one: not for long. */
const busyTimeoutMs = 200;

/** Throws `StoreUnusable` and `StoreUnavailable` as `openSqliteStore` does. `lock`: to be closed after the database. */
export function openDatabase(
  path: string,
  isReadOnly: boolean,
): { database: DatabaseSync; lock: DatabaseSync | null } {
  refuseNoFile(path);
  let database: DatabaseSync | null = null;
  let lock: DatabaseSync | null = null;
  try {
    if (!isReadOnly) {
      makeFolder(dirname(path));
      createOwnFile(path);
      const denied = findDenied(path);
      if (denied) throw denied.cause;
    }
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
    const message = cause instanceof Error ? cause.message : String(cause);
    if (cause instanceof StoreUnusable) {
      throw new StoreUnusable(`Cannot use the database "${path}": ${message}`, { cause });
    }
    if (cause instanceof NoPlaceForFolder) throw noPlace(path, cause);
    if (isDamage(cause)) {
      throw new StoreUnusable(`Database "${path}" is damaged, restore a backup: ${message}`, { cause });
    }
    if (isNotADatabase(cause)) {
      throw new StoreUnusable(`"${path}" is not a database of this exporter: ${message}`, { cause });
    }
    const advice = isNotToBeOpened(cause) ? `: ${needsOf(path, isReadOnly)}` : '';
    throw new StoreUnavailable(`Cannot open the database "${path}": ${message}${advice}`, { cause });
  }
}

/** An empty file, which SQLite takes as a new database; one that is there is left as it is. */
export function createOwnFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (cause) {
    // Another start was faster.
    if (!existsSync(path)) throw cause;
  }
}

/**
 * Keeps other exporters away for as long as this one lives, since each holds totals in memory. A lock on a file beside
 * the database itself, whatever links lead to it, so that whoever only reads is let in; the system ends it with the
 * process. There must be a file at the path. Throws `StoreUnusable` where another has it.
 */
export function lockForOne(path: string): DatabaseSync {
  const lockPath = `${realpathSync(path)}.lock`;
  createOwnFile(lockPath);
  const lock = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    if (!isSqliteError(cause) || (cause.errcode & 0xff) !== 5) throw cause;
    throw new StoreUnusable('It is in use by another exporter');
  }
}

/** Which file stands at the path; `null` where there is none. */
export function identityOf(path: string): string | null {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.dev}/${stat.ino}` : null;
}

/**
 * The file of a database: opened, brought to the present version, and kept from other exporters for as long as it is open.
 * A new one is its owner's alone, as SQLite then makes the log and the index beside it too.
 */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { makeFolder, mayMakeFolder, NoPlaceForFolder } from './folder.ts';
import { migrate, refuseForeign, refuseOlder } from './migrate.ts';
import { isDamage, isLost, isNotADatabase, isNotToBeOpened, isSqliteError } from './sqlite-errors.ts';
import { StoreUnavailable, StoreUnusable } from './store.ts';

/** A longer log, 16 MB, lets pages that are written again and again reach the file once. */
const checkpointPages = 4000;
/** Waiting for another process blocks this one: not for long. */
const busyTimeoutMs = 200;
/** The database, what SQLite keeps beside it, and the same of the lock. */
const fileSuffixes = ['', '-wal', '-shm', '.lock', '.lock-journal'];

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

/**
 * Whether this process may make a database at the path, by what can be seen without a try. Throws `StoreUnusable` where
 * nobody could.
 */
export function mayMakeDatabase(path: string): boolean {
  try {
    refuseNoFile(path);
    return mayMakeFolder(dirname(path));
  } catch (cause) {
    throw cause instanceof NoPlaceForFolder ? noPlace(path, cause) : cause;
  }
}

/** What a process must be given before it can write a database. */
export interface Denied {
  readonly needs: string;
  readonly cause: unknown;
}

/**
 * What keeps this process from writing the database that is at the path, by what can be seen without a try; `null`:
 * nothing. SQLite itself opens for reading what it may not write, and takes no lock on it then.
 */
export function findDenied(path: string): Denied | null {
  const file = realpathSync(path);
  const { R_OK, W_OK, X_OK } = constants;
  for (const name of fileSuffixes.map((suffix) => file + suffix).filter((name) => existsSync(name))) {
    const cause = refusalOf(name, R_OK | W_OK);
    if (cause) return { needs: `"${name}" must be readable and writable for ${thisUser()}`, cause };
  }
  const folder = dirname(file);
  const cause = refusalOf(folder, W_OK | X_OK);
  return cause ? { needs: `"${folder}" must be writable for ${thisUser()}`, cause } : null;
}

function refusalOf(path: string, mode: number): unknown {
  try {
    accessSync(path, mode);
    return null;
  } catch (error) {
    return error;
  }
}

function needsOf(path: string, isReadOnly: boolean): string {
  const denied = existsSync(path) ? findDenied(path) : null;
  if (denied) return denied.needs;
  return isReadOnly
    ? `it must be there, and ${thisUser()} allowed to read it`
    : `its folder must be there, and ${thisUser()} allowed to write in it`;
}

function thisUser(): string {
  const uid = process.getuid?.();
  return uid === undefined ? 'this user' : `this user (uid ${uid})`;
}

/** Before anything is opened: a pipe would never answer, and beside a device nothing is to be made. */
function refuseNoFile(path: string): void {
  const kind = kindAt(path);
  if (kind !== null) throw new StoreUnusable(`There can be no database "${path}": ${kind} is there`);
}

/** What is at the path other than a file; `null`: a file, nothing, or what cannot be looked at. */
function kindAt(path: string): string | null {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch (error) {
    // Opening it will tell more.
    if (!isLost(error)) return null;
    return lstatSync(path, { throwIfNoEntry: false }) ? 'a link that leads nowhere' : null;
  }
  if (stat.isFile()) return null;
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}

function noPlace(path: string, cause: NoPlaceForFolder): StoreUnusable {
  return new StoreUnusable(`There can be no database "${path}"`, { cause });
}

/** An empty file, which SQLite takes as a new database; one that is there is left as it is. */
function createOwnFile(path: string): void {
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
 * process.
 */
function lockForOne(path: string): DatabaseSync {
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

/**
 * Checks the path of a database before the file is opened: whether a database can exist there, and who may write it.
 */

import { accessSync, constants, existsSync, lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { mayMakeFolder, NoPlaceForFolder } from '../util/folder.ts';
import { isLost } from './sqlite-errors.ts';
import { StoreUnusable } from './store.ts';

/** The database, the lock, and SQLite's files beside both. */
const fileSuffixes = ['', '-wal', '-shm', '.lock', '.lock-journal'];

/**
 * Whether this process may make a database at the path, without trying it: a full disk is not noticed. Throws
 * `StoreUnusable` if nobody can.
 */
export function mayMakeDatabase(path: string): boolean {
  try {
    refuseNoFile(path);
    return mayMakeFolder(dirname(path));
  } catch (cause) {
    throw cause instanceof NoPlaceForFolder ? noPlace(path, cause) : cause;
  }
}

/** The right that a process needs to write a database. */
export interface Denied {
  readonly needs: string;
  readonly cause: unknown;
}

/**
 * The missing right to write the database at the path, found without trying it; `null`: none is missing. SQLite would
 * open an unwritable file for reading, and take no lock on it.
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

export function needsOf(path: string, isReadOnly: boolean): string {
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

/** Before anything is opened: a pipe would block for ever, and no file must be made beside a device. */
export function refuseNoFile(path: string): void {
  const kind = kindAt(path);
  if (kind !== null) throw new StoreUnusable(`There can be no database "${path}": ${kind} is there`);
}

/** The kind of thing at the path; `null`: a file, nothing, or unknown. */
function kindAt(path: string): string | null {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch (error) {
    // The attempt to open the path reports this error.
    if (!isLost(error)) return null;
    return lstatSync(path, { throwIfNoEntry: false }) ? 'a link that leads nowhere' : null;
  }
  if (stat.isFile()) return null;
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}

export function noPlace(path: string, cause: NoPlaceForFolder): StoreUnusable {
  return new StoreUnusable(`There can be no database "${path}"`, { cause });
}

/**
 * Allows one exporter per database: each keeps totals in memory, and would overwrite the totals of another.
 *
 * A lock file alone is not enough: it can be removed, and each hard link of the database has its own. SQLite has two
 * locks for a database in WAL mode. The exclusive one excludes readers too (`--check`, export, backup, an open
 * `sqlite3`), so it cannot be kept. Every process that has the database open has the shared one, so it does not
 * distinguish exporters from readers. Hence three rules:
 *
 * - A database has one name. SQLite finds the log by the name of the database, so a hard link, or a file mounted alone,
 * has its own log: two logs ruin a database, at the same time or one after the other. - The exporter locks
 * `dora.db.lock` while it runs. The system releases the lock with the process. - If that file is missing, somebody may
 * have removed it while an exporter runs. Then nobody else may have the database open, which taking its exclusive lock
 * proves; it is released at once.
 *
 * `file-watch.ts` notices later changes to these files.
 */

import { closeSync, existsSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy } from './sqlite-errors.ts';
import { StoreUnusable } from './store.ts';

/** Throws `StoreUnusable` if the database at the path has, or may have, a second name. */
export function refuseOtherNames(path: string): void {
  const links = describeLinks(statSync(path).nlink);
  if (links) throw new StoreUnusable(links);
  if (mountPoints().includes(realpathSync(path))) {
    throw new StoreUnusable(
      'It is mounted as a single file, so that its log would stay outside of the mount: mount its folder',
    );
  }
}

/** The problem with a database that has this many names; `null`: none. */
export function describeLinks(links: number): string | null {
  return links > 1
    ? `It has ${links} names (hard links), and each would have a log of its own: remove all names but one`
    : null;
}

/** Path of a database's lock, also if the path of the database is a link. */
export function lockPathOf(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : path}.lock`;
}

/**
 * Excludes other exporters until the result is closed. `database` is a connection to the file at the path. Throws
 * `StoreUnusable` if another exporter has the database, or may have it.
 */
export function lockForOne(database: DatabaseSync, path: string): DatabaseSync {
  if (!existsSync(lockPathOf(path))) refuseOpenElsewhere(database);
  return lockPlace(path);
}

/** As `lockForOne`, for a path without a database. */
export function lockPlace(path: string): DatabaseSync {
  const lockPath = lockPathOf(path);
  createOwnFile(lockPath);
  const lock = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw new StoreUnusable('It is in use by another exporter');
  }
}

function refuseOpenElsewhere(database: DatabaseSync): void {
  const readSomething = database.prepare('SELECT COUNT(*) FROM sqlite_schema');
  // In exclusive mode a connection takes the exclusive lock when it begins to write. It leaves the index of the log to
  // other processes only if it has read before.
  readSomething.get();
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  try {
    database.exec('BEGIN IMMEDIATE; COMMIT');
  } catch (cause) {
    if (!isBusy(cause)) throw cause;
    throw new StoreUnusable(
      'Another process has it open, perhaps an exporter whose lock file was removed: stop that process first',
    );
  }
  database.exec('PRAGMA locking_mode = NORMAL');
  // Only the next read changes the lock.
  readSomething.get();
}

/** Makes an empty file, which SQLite takes as a new database; leaves an existing file unchanged. */
export function createOwnFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (cause) {
    // Another start was faster.
    if (!existsSync(path)) throw cause;
  }
}

/** Mounts of this process: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
function mountPoints(): readonly string[] {
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  } catch {
    return [];
  }
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

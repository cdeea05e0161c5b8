/**
 * Keeps a database to one exporter, since each holds totals in memory and writes them over those of another.
 *
 * What has to be locked is the file itself: a lock file beside it can be removed, and each hard link has another place
 * beside it. SQLite gives a process two locks on a database in WAL mode. The exclusive one shuts out readers too
 * (`--check`, export, backup, an open `sqlite3`), so it cannot be kept. The shared one is held by everybody who has the
 * database open, so it does not tell an exporter from a reader. Hence three rules:
 *
 * - A database has one name. SQLite finds the log by the name of the database, so that a hard link, or a file that is
 *   mounted alone, has a log of its own: two logs on one database ruin it, at the same time or one after the other.
 * - `dora.db.lock` is locked for as long as the exporter lives. The system releases it with the process.
 * - Where that file is missing, somebody may have removed it while an exporter runs. Then nobody else may have the
 *   database open, which the exclusive lock on it tells; it is released at once.
 *
 * What happens to these files later is for `file-watch.ts` to notice.
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

/** What is wrong with a database that has so many names; `null`: nothing. */
export function describeLinks(links: number): string | null {
  return links > 1
    ? `It has ${links} names (hard links), and each would have a log of its own: remove all names but one`
    : null;
}

/** Where the lock of a database is, whatever links lead to the database. */
export function lockPathOf(path: string): string {
  return `${existsSync(path) ? realpathSync(path) : path}.lock`;
}

/**
 * Keeps other exporters away until the result is closed. `database` is a connection to the file at the path. Throws
 * `StoreUnusable` if another exporter has the database, or may have it.
 */
export function lockForOne(database: DatabaseSync, path: string): DatabaseSync {
  if (!existsSync(lockPathOf(path))) refuseOpenElsewhere(database);
  return lockPlace(path);
}

/** As `lockForOne`, for a place where no database is. */
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
  // In exclusive mode a connection takes the exclusive lock when it begins to write; but only if it has read before
  // does it leave the index of the log to other processes.
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

/** An empty file, which SQLite takes as a new database; an existing one is left as it is. */
export function createOwnFile(path: string): void {
  if (existsSync(path)) return;
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (cause) {
    // Another start was faster.
    if (!existsSync(path)) throw cause;
  }
}

/** Of this process, as Linux tells them: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
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

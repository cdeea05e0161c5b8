/**
 * Writes a copy of the database to standard output; the exporter may run: `node deploy/backup.ts > dora-backup.db`.
 *
 * The copy is consistent, also if the exporter writes meanwhile. Until it is written to standard output, it needs as much disk
 * space as the database. It does not contain the generated secrets, which are separate files. The exit code is 0 only if the
 * whole copy was written.
 *
 * The complete copy is a file without a name, so that it is removed when the process ends. If the process is killed before,
 * the file stays, and the next backup removes it.
 */

import { closeSync, createReadStream, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { parseConfig } from '../src/config/environment.ts';
import { isBusy } from '../src/store/sqlite-errors.ts';

const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
if (!parsed.ok) fail(parsed.problems.join('\n'));
const { databasePath } = parsed.config;
if (databasePath === ':memory:') fail('DORA_DATABASE keeps nothing, so there is nothing to copy');
if (process.stdout.isTTY) fail('Expected standard output to be a file or a pipe, given a terminal');

const copyPath = `${databasePath}.copy-${process.pid}`;
// Only the owner may read the copy, as with the database.
process.umask(0o077);
try {
  removeLeftovers();
  // SQLite's backup interface would start again at each write of another process.
  const database = new DatabaseSync(databasePath, { readOnly: true, timeout: 10_000 });
  database.prepare('VACUUM INTO ?').run(copyPath);
  const fd = openSync(copyPath, 'r');
  rmSync(copyPath);
  database.close();
  await pipeline(createReadStream('', { fd, autoClose: false }), process.stdout);
  closeSync(fd);
} catch (error) {
  rmSync(copyPath, { force: true });
  fail(`Cannot copy "${databasePath}": ${error instanceof Error ? error.message : String(error)}`);
}

/** Removes the copies of backups that were killed. */
function removeLeftovers(): void {
  const folder = dirname(databasePath);
  const prefix = `${basename(databasePath)}.copy-`;
  for (const name of readdirSync(folder).filter((name) => name.startsWith(prefix))) {
    const path = join(folder, name);
    if (!isBeingWritten(path)) rmSync(path, { force: true });
  }
}

/** Whether another backup is using the copy: SQLite then has it locked. */
function isBeingWritten(path: string): boolean {
  const copy = new DatabaseSync(path, { timeout: 0 });
  try {
    copy.exec('BEGIN EXCLUSIVE; ROLLBACK');
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    copy.close();
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

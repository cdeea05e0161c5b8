/**
 * Writes a copy of the database to standard output while the exporter goes on: `node deploy/backup.ts > dora-backup.db`.
 *
 * The copy is of one moment, however much is written meanwhile. Until it is written out, it takes as much room again
 * beside the database. It does not hold the generated secrets, which are files of their own. The exit code is 0 only if
 * all of it was written.
 *
 * The file of the copy has no name any more once it is complete, so that it goes with the process. A process that is
 * killed earlier leaves it behind, and the next backup removes it.
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
// The copy is its owner's alone, as the database is.
process.umask(0o077);
try {
  removeLeftovers();
  // Not SQLite's backup interface: that begins anew whenever another process has written.
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

/** Another backup may run: SQLite keeps its copy locked. */
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

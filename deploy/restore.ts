/**
 * Replaces the database with a copy from standard input: `node deploy/restore.ts < dora-backup.db`.
 *
 * The exporter must not run. If it runs, or if the copy is damaged, from another program or from a newer exporter, nothing
 * changes and the exit code is 1. The new file belongs to this user and has mode 0600. Generated secrets are separate files,
 * and do not change.
 *
 * If it is killed, either the old or the new database is complete: the old log is written into the old file before the log
 * is removed. The next restore removes left files.
 */

import {
  createWriteStream,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { parseConfig } from '../src/config/environment.ts';
import { checkpoint } from '../src/store/checkpoint.ts';
import { refuseForeign } from '../src/store/migrate.ts';
import { lockForOne, lockPlace } from '../src/store/sole-writer.ts';
import { isDamage, isNotADatabase } from '../src/store/sqlite-errors.ts';
import { makeFolder } from '../src/util/folder.ts';

const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
if (!parsed.ok) fail(parsed.problems.join('\n'));
const { databasePath } = parsed.config;
if (databasePath === ':memory:') fail('DORA_DATABASE keeps nothing, so nothing can be restored');
if (process.stdin.isTTY) fail('Expected a copy on standard input, given a terminal');

const path = existsSync(databasePath) ? realpathSync(databasePath) : databasePath;
const draftPath = `${path}.restore-${process.pid}`;
let old: DatabaseSync | null = null;
try {
  makeFolder(dirname(path));
  old = openOld();
  const lock = old ? lockForOne(old, path) : lockPlace(path);
  removeLeftovers();
  await pipeline(process.stdin, createWriteStream(draftPath, { flags: 'wx', mode: 0o600, flush: true }));
  refuseBroken(draftPath);
  if (old) complete(old);
  old?.close();
  // An old log beside a new file would cause wrong totals.
  for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
  renameSync(draftPath, path);
  lock.close();
} catch (error) {
  if (old?.isOpen) old.close();
  rmSync(draftPath, { force: true });
  fail(`Cannot restore "${databasePath}": ${error instanceof Error ? error.message : String(error)}`);
}

/** Opens the database to replace; `null`: there is none, or it is too damaged to be read. */
function openOld(): DatabaseSync | null {
  if (!existsSync(path) || statSync(path).size === 0) return null;
  const database = new DatabaseSync(path, { timeout: 1_000 });
  try {
    database.prepare('SELECT COUNT(*) FROM sqlite_schema').get();
    return database;
  } catch (error) {
    database.close();
    if (isDamage(error) || isNotADatabase(error)) return null;
    throw error;
  }
}

/** Writes the log into the old file, which must contain all acknowledged data until the copy replaces it. */
function complete(database: DatabaseSync): void {
  try {
    if (!checkpoint(database)) throw new Error('another process reads the old database: wait until it ends');
  } catch (error) {
    // If the file is too damaged, its log is of no use.
    if (!isDamage(error)) throw error;
  }
}

/** Removes the files of killed restores. No other restore runs, since this one has the lock. */
function removeLeftovers(): void {
  const prefix = `${basename(path)}.restore-`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name));
  }
}

/** Throws unless the file is a complete database that this exporter can open. */
function refuseBroken(copyPath: string): void {
  if (statSync(copyPath).size === 0) throw new Error('the copy is empty');
  const copy = new DatabaseSync(copyPath);
  try {
    refuseForeign(copy);
    const found = copy.prepare('PRAGMA integrity_check(1)').all() as { integrity_check: string }[];
    if (found[0]?.integrity_check !== 'ok')
      throw new Error(`the copy is damaged: ${found[0]?.integrity_check}`);
  } finally {
    copy.close();
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

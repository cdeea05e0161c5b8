/**
 * Puts a copy from standard input in the place of the database: `node deploy/restore.ts < dora-backup.db`.
 *
 * The exporter must not run. If one does, or if the copy is broken, of another program or of a newer exporter, all stays
 * as it is and the exit code is 1. The copy becomes this user's, with mode 0600. Generated secrets are files of their
 * own and stay.
 *
 * Whenever it is killed, the old database or the new one is there, whole: everything from the log of the old one is in
 * its file before the log is removed. What is left behind is removed by the next restore.
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
  // An old log beside a new file would bring wrong totals.
  for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
  renameSync(draftPath, path);
  lock.close();
} catch (error) {
  if (old?.isOpen) old.close();
  rmSync(draftPath, { force: true });
  fail(`Cannot restore "${databasePath}": ${error instanceof Error ? error.message : String(error)}`);
}

/** The database that is to be replaced; `null`: there is none, or it is too damaged to be read. */
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

/** Until the copy is in its place, the old file must have all that was acknowledged. */
function complete(database: DatabaseSync): void {
  try {
    if (!checkpoint(database)) throw new Error('another process reads the old database: wait until it ends');
  } catch (error) {
    // Then a log does not help either.
    if (!isDamage(error)) throw error;
  }
}

/** Removes what restores left behind that were killed: none runs but this one, which has the lock. */
function removeLeftovers(): void {
  const prefix = `${basename(path)}.restore-`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(path), name));
  }
}

/** Throws unless the file is a whole database that this exporter takes. */
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

/**
 * Puts a copy from standard input in the place of the database: `node deploy/restore.ts < dora-backup.db`.
 *
 * The exporter must not run; where one does, where the copy is not whole, or not of this exporter or an older one, all
 * stays as it is and the exit code is 1. The copy becomes this user's, with mode 0600. Generated secrets are files of
 * their own and stay.
 */

import {
  createWriteStream,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { parseConfig } from '../src/config/environment.ts';
import { refuseForeign } from '../src/store/migrate.ts';
import { createOwnFile, lockForOne } from '../src/store/sqlite-file.ts';
import { makeFolder } from '../src/util/folder.ts';

const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
if (!parsed.ok) fail(parsed.problems.join('\n'));
const { databasePath } = parsed.config;
if (databasePath === ':memory:') fail('DORA_DATABASE keeps nothing, so nothing can be restored');
if (process.stdin.isTTY) fail('Expected a copy on standard input, given a terminal');

const path = existsSync(databasePath) ? realpathSync(databasePath) : databasePath;
const draftPath = `${path}.restore-${process.pid}`;
try {
  makeFolder(dirname(path));
  await pipeline(process.stdin, createWriteStream(draftPath, { flags: 'wx', mode: 0o600, flush: true }));
  refuseBroken(draftPath);
  createOwnFile(path);
  const lock = lockForOne(path);
  // First, since an old log on another file brings wrong totals; a crash in between leaves the old one without its end.
  for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
  renameSync(draftPath, path);
  lock.close();
} catch (error) {
  rmSync(draftPath, { force: true });
  fail(`Cannot restore "${databasePath}": ${error instanceof Error ? error.message : String(error)}`);
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

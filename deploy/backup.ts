/**
 * Writes a copy of the database to standard output while the exporter goes on: `node deploy/backup.ts > dora-backup.db`.
 *
 * The copy is that of one moment, however much is written meanwhile, and needs as much room again beside the database
 * while it is made. It does not hold the generated secrets, which are files of their own. The exit code is 0 only if all
 * of it was written.
 */

import { closeSync, createReadStream, openSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pipeline } from 'node:stream/promises';
import { parseConfig } from '../src/config/environment.ts';

const parsed = parseConfig(process.env, (path) => readFileSync(path, 'utf8'));
if (!parsed.ok) fail(parsed.problems.join('\n'));
const { databasePath } = parsed.config;
if (databasePath === ':memory:') fail('DORA_DATABASE keeps nothing, so there is nothing to copy');
if (process.stdout.isTTY) fail('Expected standard output to be a file or a pipe, given a terminal');

const copyPath = `${databasePath}.copy-${process.pid}`;
try {
  // Empty, so that SQLite takes it, and its owner's alone as the database is.
  closeSync(openSync(copyPath, 'wx', 0o600));
  // Not SQLite's backup interface: that begins anew whenever another process has written.
  const database = new DatabaseSync(databasePath, { readOnly: true, timeout: 10_000 });
  database.prepare('VACUUM INTO ?').run(copyPath);
  database.close();
  await pipeline(createReadStream(copyPath), process.stdout);
} catch (error) {
  rmSync(copyPath, { force: true });
  fail(`Cannot copy "${databasePath}": ${error instanceof Error ? error.message : String(error)}`);
}
rmSync(copyPath);

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { temporaryFolder } from '../support/exporter-process.ts';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
/** Root may do anything, so that another user takes its place. */
const uid = process.getuid?.() || 65_534;
const user = process.getuid?.() === 0 ? { uid, gid: uid } : {};

function run(args: readonly string[], databasePath: string): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    ...user,
    env: { DORA_DATABASE: databasePath, DORA_LISTEN: '127.0.0.1:0' },
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { code: status, output: stdout + stderr };
}

describe('a database that is there', () => {
  let folder: string;
  let path: string;

  beforeEach(async ({ skip }) => {
    if (run([main, '--help'], '').code !== 0) skip('Another user may not run the exporter here');
    folder = realpathSync(temporaryFolder());
    path = join(folder, 'dora.db');
    await openSqliteStore(path).close();
    writeFileSync(`${path}-wal`, '');
  });

  /** Gives all of it to the user who runs the exporter, but for that. */
  function deny(denied: string, mode: number): void {
    onTestFinished(() => chmodSync(folder, 0o700));
    for (const name of ['', ...readdirSync(folder)]) chownSync(join(folder, name), uid, user.gid ?? -1);
    chmodSync(denied, mode);
  }

  const needsOf = (file: string) => `"${file}" must be readable and writable for this user (uid ${uid})`;
  const logged = (text: string) => text.replaceAll('"', '\\"');

  it.each([
    ['', '000'],
    ['', '200'],
    ['', '400'],
    ['-wal', '000'],
    ['-wal', '400'],
    // Where it may only be read, SQLite would take no lock, and say nothing of it.
    ['.lock', '400'],
    ['.lock', '000'],
  ])('is not started on where dora.db%s has the mode %s, telling so', (suffix, mode) => {
    deny(path + suffix, Number.parseInt(mode, 8));
    const { code, output } = run([main], path);
    expect(output).toContain(logged(`Cannot open the database "${path}": `));
    expect(output).toContain(logged(needsOf(path + suffix)));
    expect(output).not.toContain('its folder');
    expect(code).toBe(1);
  });

  it('is not started on where nothing can be made beside it, telling so', () => {
    deny(folder, 0o500);
    const { code, output } = run([main], path);
    expect(output).toContain(logged(`"${folder}" must be writable for this user (uid ${uid})`));
    expect(code).toBe(1);
  });

  it.each(['', '.lock'])('passes a check where dora.db%s can only be read, with a word', (suffix) => {
    deny(path + suffix, 0o400);
    const { code, output } = run([main, '--check'], path);
    expect(output).toContain(
      `Store: ${path} knows 0 repos, but a start would fail: ${needsOf(path + suffix)}.\n`,
    );
    expect(code).toBe(0);
  });

  it('passes a check without a word where all is well', () => {
    deny(path, 0o600);
    const { code, output } = run([main, '--check'], path);
    expect(output).toContain(`Store: ${path} knows 0 repos.\n`);
    expect(code).toBe(0);
  });

  it('fails a check where it cannot be read, telling so', () => {
    deny(path, 0o000);
    const { code, output } = run([main, '--check'], path);
    expect(output).toContain(logged(needsOf(path)));
    expect(code).toBe(1);
  });

  it('fails a check where SQLite cannot make the index that reading needs, telling so', () => {
    deny(folder, 0o500);
    const { code, output } = run([main, '--check'], path);
    expect(output).toContain(logged(`"${folder}" must be writable for this user (uid ${uid})`));
    expect(code).toBe(1);
  });

  it('tells who may not write in the folder where it is not there yet', () => {
    deny(folder, 0o500);
    const { code, output } = run([main], join(folder, 'other.db'));
    expect(output).toContain(`its folder must be there, and this user (uid ${uid}) allowed to write in it`);
    expect(code).toBe(1);
  });
});

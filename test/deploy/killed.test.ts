import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { repository } from '../support/repository.ts';

const killer = join(repository, 'test/support/kill-at.ts');

/** Runs a program of `deploy/` and kills it at a point; `null`: at none. */
function run(name: string, databasePath: string, killAt: number | null, input?: Buffer) {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [...(killAt === null ? [] : ['--import', killer]), join(repository, 'deploy', name)],
    {
      env: { PATH: process.env['PATH'], DORA_DATABASE: databasePath, KILL_AT: String(killAt) },
      ...(input && { input }),
      maxBuffer: 1024 ** 3,
    },
  );
  return { code: status, isKilled: signal === 'SIGKILL', out: stdout, said: String(stderr) };
}

/** The points at which a program can be killed, until it comes to its end. */
function* points(attempt: (killAt: number) => { isKilled: boolean; code: number | null; said: string }) {
  for (let killAt = 1; ; killAt++) {
    const { isKilled, code, said } = attempt(killAt);
    yield killAt;
    if (isKilled) continue;
    expect([code, said]).toEqual([0, '']);
    return;
  }
}

/** How many values a database holds, after all that a start does to it. */
async function countOf(path: string): Promise<number> {
  await openSqliteStore(path).close();
  const database = new DatabaseSync(path, { readOnly: true });
  const count = Number(
    database.prepare("SELECT COUNT(*) AS n FROM meta WHERE key LIKE 'value-%'").get()?.['n'],
  );
  const [{ integrity_check: verdict } = {}] = database.prepare('PRAGMA integrity_check').all();
  database.close();
  expect(verdict).toBe('ok');
  return count;
}

/** A folder with a database of so many values, all of them in its log alone, as after a crash. */
async function crashedWith(values: number): Promise<string> {
  const folder = temporaryFolder();
  const store = openSqliteStore(join(folder, 'dora.db'));
  for (let value = 0; value < values; value++) {
    await store.transact((tx) => tx.meta.put(`value-${value}`, 'x'.repeat(100)));
  }
  const crashed = join(folder, 'crashed');
  mkdirSync(crashed);
  for (const end of ['', '-wal', '.lock'])
    copyFileSync(join(folder, `dora.db${end}`), join(crashed, `dora.db${end}`));
  await store.close();
  return crashed;
}

/** A process that reads, and stays at what it saw. */
const readForever = `
  const { DatabaseSync } = require('node:sqlite');
  const database = new DatabaseSync(process.argv[1], { readOnly: true });
  database.exec('BEGIN');
  database.prepare('SELECT COUNT(*) FROM meta').get();
  console.log('reads');
  process.stdin.resume();
`;

const leftovers = (folder: string) => readdirSync(folder).filter((name) => /copy-|restore-/.test(name));

describe('a restore that is killed', () => {
  it('leaves the old database or the new one whole at every point, and nothing after the next restore', async () => {
    const template = await crashedWith(40);
    const copy = run('backup.ts', join(await crashedWith(7), 'dora.db'), null).out;
    const counts = new Set<number>();
    const folder = join(temporaryFolder(), 'data');
    const path = join(folder, 'dora.db');
    const attempt = (killAt: number) => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
      for (const name of readdirSync(template)) copyFileSync(join(template, name), join(folder, name));
      return run('restore.ts', path, killAt, copy);
    };
    for (const killAt of points(attempt)) {
      const count = await countOf(path);
      expect([killAt, [7, 40].includes(count) ? 'whole' : count]).toEqual([killAt, 'whole']);
      counts.add(count);
    }
    expect(counts).toEqual(new Set([7, 40]));
    expect(leftovers(folder)).toEqual([]);
  });

  it('leaves nothing behind after the next one', async () => {
    const folder = await crashedWith(5);
    const path = join(folder, 'dora.db');
    const copy = run('backup.ts', path, null).out;
    const child = spawn(process.execPath, [join(repository, 'deploy/restore.ts')], {
      env: { PATH: process.env['PATH'], DORA_DATABASE: path },
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    child.stdin.write(copy.subarray(0, 5000));
    await expect.poll(() => leftovers(folder)).toHaveLength(1);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(leftovers(folder)).toHaveLength(1);
    expect(run('restore.ts', path, null, copy)).toMatchObject({ code: 0, said: '' });
    expect(leftovers(folder)).toEqual([]);
    expect(await countOf(path)).toBe(5);
  });

  it('takes the place of a database that is too damaged to be read', async () => {
    const folder = await crashedWith(5);
    const path = join(folder, 'dora.db');
    const copy = run('backup.ts', path, null).out;
    writeFileSync(path, Buffer.alloc(20_000, 0xa5));
    expect(run('restore.ts', path, null, copy)).toMatchObject({ code: 0, said: '' });
    expect(await countOf(path)).toBe(5);
  });

  it('changes nothing while another process reads what is only in the log', async () => {
    const folder = await crashedWith(5);
    const path = join(folder, 'dora.db');
    const copy = run('backup.ts', path, null).out;
    const reader = spawn(process.execPath, ['--eval', readForever, path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => void reader.kill('SIGKILL'));
    const ended = new Promise((resolve) => reader.once('close', resolve));
    await new Promise((resolve) => reader.stdout.once('data', resolve));
    const store = openSqliteStore(path);
    await store.transact((tx) => tx.meta.put('value-5', 'x'));
    await store.close();
    expect(run('restore.ts', path, null, copy)).toMatchObject({
      code: 1,
      said: expect.stringContaining('another process reads the old database'),
    });
    reader.kill('SIGKILL');
    await ended;
    expect(await countOf(path)).toBe(6);
  });
});

describe('a backup that is killed', () => {
  it('leaves nothing behind after the next one, at whatever point', async () => {
    const folder = await crashedWith(40);
    const path = join(folder, 'dora.db');
    for (const _ of points((killAt) => run('backup.ts', path, killAt)));
    expect(leftovers(folder)).toEqual([]);
  });

  it('leaves its copy behind until the next one', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'dora.db');
    await (await startExporter({ DORA_DATABASE: path })).stop();
    const database = new DatabaseSync(path);
    database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
      INSERT INTO meta SELECT 'value-' || i, hex(randomblob(500)) FROM n`);
    database.close();
    // Killed as soon as its copy is there; on a busy machine that may be too late, so it is tried again.
    for (let attempt = 0; attempt < 50 && leftovers(folder).length === 0; attempt++) {
      const child = spawn(process.execPath, [join(repository, 'deploy/backup.ts')], {
        env: { PATH: process.env['PATH'], DORA_DATABASE: path },
        stdio: ['ignore', openSync(join(folder, 'target'), 'w'), 'inherit'],
      });
      const closed = new Promise((resolve) => child.once('close', resolve));
      const copyPath = `${path}.copy-${child.pid}`;
      while (!existsSync(copyPath) && existsSync(`/proc/${child.pid}/exe`));
      child.kill('SIGKILL');
      await closed;
    }
    expect(leftovers(folder)).not.toEqual([]);
    expect(run('backup.ts', path, null).code).toBe(0);
    expect(leftovers(folder)).toEqual([]);
  });

  it('is told from one that runs', async () => {
    const folder = await crashedWith(5);
    const path = join(folder, 'dora.db');
    // The lock that SQLite has on a copy as long as it writes it.
    const running = new DatabaseSync(`${path}.copy-1`);
    running.exec('BEGIN IMMEDIATE; CREATE TABLE pages (page)');
    expect(run('backup.ts', path, null).code).toBe(0);
    expect(leftovers(folder)).toContain('dora.db.copy-1');
    running.close();
    expect(run('backup.ts', path, null).code).toBe(0);
    expect(leftovers(folder)).toEqual([]);
  });
});

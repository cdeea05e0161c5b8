import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type ExporterProcess,
  runExporter,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { deployments, expectKept, mount, reportOf, startReported } from '../support/reports.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = join(realpathSync(temporaryFolder()), 'data');
  mkdirSync(folder);
  path = join(folder, 'dora.db');
});

const startWith = (acknowledged: number) => startReported(path, acknowledged);

/** Writes garbage over a page, the first of which has the number 1. */
function overwritePage(number: number): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, (number - 1) * 4096);
  closeSync(file);
}

/** What senders, probes and Prometheus are told. */
async function expectRefusal(exporter: ExporterProcess, reason: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) expect((await exporter.post(reportOf(99))).status).toBe(503);
  const ready = await fetch(`${exporter.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain(reason);
  expect((await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
  expect((await exporter.metrics()).get(deployments)).toBeGreaterThan(0);
  expect(exporter.output()).toContain('Store cannot be written');
  expect((await fetch(`${exporter.url}/healthz`)).status).toBe(200);
}

describe('an exporter whose files somebody changes', () => {
  const replace = (file: string) => {
    rmSync(file);
    writeFileSync(file, '');
  };
  const moved = () => join(folder, 'moved.db');

  it.each([
    ['the log was removed', () => rmSync(`${path}-wal`), '-wal', () => path],
    ['the log was moved away', () => renameSync(`${path}-wal`, `${path}-old`), '-wal', () => path],
    ['the log was replaced', () => replace(`${path}-wal`), '-wal', () => path],
    ['the index was removed', () => rmSync(`${path}-shm`), '-shm', () => path],
    ['the database was moved away', () => renameSync(path, moved()), '', moved],
  ])('takes nothing in once %s, and has saved what it acknowledged', async (_, change, end, pathOf) => {
    const exporter = await startWith(5);
    change();
    await expectRefusal(
      exporter,
      `dora.db${end}" was removed or replaced. All that was acknowledged is in the database file: restart the exporter`,
    );
    const next = await expectKept(exporter, pathOf(), 5);
    expect((await next.post(reportOf(6))).status).toBe(202);
  });

  it.each([
    [
      'the log was cut, and says that something may be lost',
      () => truncateSync(`${path}-wal`),
      'dora.db-wal" was cut. Some of what was acknowledged may be lost',
    ],
    [
      'another file is in the place of the database',
      () => {
        copyFileSync(path, join(folder, 'copy.db'));
        renameSync(join(folder, 'copy.db'), path);
      },
      'dora.db" was removed or replaced',
    ],
    [
      'the lock file was replaced',
      () => replace(`${path}.lock`),
      'dora.db.lock" was replaced, so that another exporter may have started',
    ],
  ])('takes nothing in once %s', async (_, change, reason) => {
    const exporter = await startWith(5);
    change();
    await expectRefusal(exporter, reason);
  });

  it.each([
    ['cut', () => truncateSync(path, 512)],
    ['overwritten with another', () => copyFileSync(join(folder, 'other.db'), path)],
    ['overwritten in a place that is not read again', () => overwritePage(3)],
  ])('takes nothing in once the database was %s', async (_, change) => {
    await (await startExporter({ DORA_DATABASE: join(folder, 'other.db') })).stop();
    const exporter = await startWith(5);
    change();
    await expectRefusal(exporter, 'dora.db" was written by another program than SQLite');
    await expectRefusal(exporter, 'restart the exporter, and if it does not start, restore a backup');
  });

  it('takes nothing in once its folder has another name, and goes on there after a restart', async () => {
    const exporter = await startWith(5);
    const other = `${folder}-old`;
    renameSync(folder, other);
    onTestFinished(() => rmSync(other, { recursive: true, force: true }));
    await expectRefusal(exporter, 'dora.db" was removed or replaced');
    const second = await runExporter({ DORA_DATABASE: join(other, 'dora.db'), DORA_LISTEN: '127.0.0.1:0' });
    expect(second).toMatchObject({ code: 2, output: expect.stringContaining('in use by another exporter') });
    await expectKept(exporter, join(other, 'dora.db'), 5);
  });

  it('takes nothing in while the database has a hard link, and goes on once that is removed', async () => {
    const exporter = await startWith(5);
    linkSync(path, join(folder, 'link.db'));
    await expectRefusal(exporter, 'It has 2 names (hard links)');
    rmSync(join(folder, 'link.db'));
    expect((await exporter.post(reportOf(6))).status).toBe(202);
    expect((await fetch(`${exporter.url}/readyz`)).status).toBe(200);
  });

  it('goes on when another program has brought the log into the database and cut it', async () => {
    const exporter = await startWith(5);
    const other = new DatabaseSync(path);
    expect(other.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()).toMatchObject({ busy: 0 });
    other.close();
    expect((await exporter.post(reportOf(6))).status).toBe(202);
    await expectKept(exporter, path, 6);
  });
});

describe('a second exporter', () => {
  /** It ends with exit code 2, and the first goes on. */
  async function expectRefused(first: ExporterProcess, secondPath: string, reason: string): Promise<void> {
    const second = await runExporter({ DORA_DATABASE: secondPath, DORA_LISTEN: '127.0.0.1:0' });
    expect(second.output).toContain(reason);
    expect(second.code).toBe(2);
    expect((await first.post(reportOf(50))).status).toBe(202);
  }

  it('does not start on the database of the first, by whatever symbolic link', async () => {
    const first = await startWith(5);
    symlinkSync(path, `${folder}/link.db`);
    symlinkSync(folder, `${folder}/linked`);
    for (const way of [path, `${folder}/link.db`, `${folder}/linked/dora.db`]) {
      await expectRefused(first, way, 'It is in use by another exporter');
    }
  });

  it('does not start after the lock file was removed', async () => {
    const first = await startWith(5);
    rmSync(`${path}.lock`);
    for (let attempt = 0; attempt < 2; attempt++)
      await expectRefused(first, path, 'Another process has it open');
    await expectKept(first, path, 6);
    expect(existsSync(`${path}.lock`)).toBe(true);
  });

  it('does not start on the database after it was moved to another folder', async () => {
    const first = await startWith(5);
    mkdirSync(join(folder, 'other'));
    const moved = join(folder, 'other/dora.db');
    renameSync(path, moved);
    const second = await runExporter({ DORA_DATABASE: moved, DORA_LISTEN: '127.0.0.1:0' });
    expect(second).toMatchObject({ code: 2, output: expect.stringContaining('Another process has it open') });
    expect((await first.post(reportOf(6))).status).toBe(503);
  });

  it.each(['while the first runs', 'after the first'])(
    'does not start on a hard link, %s',
    async (moment) => {
      const first = await startWith(5);
      if (moment === 'after the first') await first.stop('SIGKILL');
      mkdirSync(join(folder, 'other'));
      const link = join(folder, 'other/dora.db');
      linkSync(path, link);
      const before = readFileSync(path);
      const second = await runExporter({ DORA_DATABASE: link, DORA_LISTEN: '127.0.0.1:0' });
      expect(second).toMatchObject({
        code: 2,
        output: expect.stringContaining('It has 2 names (hard links), and each would have a log of its own'),
      });
      expect(readFileSync(path).equals(before)).toBe(true);
    },
  );

  it('does not start on a database that is mounted as a single file', async ({ skip }) => {
    const first = await startWith(5);
    const other = join(folder, 'with space');
    mkdirSync(other);
    const mounted = join(other, 'dora.db');
    writeFileSync(mounted, '');
    mount(mounted, { bind: path }, skip);
    await expectRefused(first, mounted, 'It is mounted as a single file');
  });

  it('does not start on the folder of the first by the way of another mount', async ({ skip }) => {
    const first = await startWith(5);
    const other = `${folder}-other`;
    mkdirSync(other);
    mount(other, { bind: folder }, skip);
    await expectRefused(first, join(other, 'dora.db'), 'It is in use by another exporter');
    rmSync(`${path}.lock`);
    await expectRefused(first, join(other, 'dora.db'), 'Another process has it open');
  });
});

describe('who only reads', () => {
  it('may have the database open while an exporter starts, runs and ends', async () => {
    const first = await startWith(5);
    const reader = new DatabaseSync(path, { readOnly: true });
    const count = () => reader.prepare('SELECT COUNT(*) AS n FROM pipelines').get()?.['n'];
    expect(count()).toBe(5);
    expect((await first.post(reportOf(6))).status).toBe(202);
    await first.stop();
    const next = await startExporter({ DORA_DATABASE: path });
    expect((await next.post(reportOf(7))).status).toBe(202);
    expect(count()).toBe(7);
    reader.close();
  });
});

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ExporterProcess,
  runExporter,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { deployments, expectKept, mount, reportOf, startReported } from '../support/reports.ts';

const commitOf = (number: number) => String(number).padStart(40, '0');

/** What must hold while nothing can be written, and once it can be again. */
async function expectItRidesOut(
  exporter: ExporterProcess,
  breakIt: () => void,
  mendIt: () => void,
): Promise<void> {
  expect((await exporter.post(reportOf(1))).status).toBe(202);
  breakIt();

  const refused = await exporter.post(reportOf(2));
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  expect((await exporter.metrics()).get(deployments)).toBe(1);
  expect((await fetch(`${exporter.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${exporter.url}/`)).status).toBe(200);
  const ready = await fetch(`${exporter.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.text()).toContain('Store cannot commit');
  await expect.poll(async () => (await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
  await exporter.post(reportOf(2));

  mendIt();
  expect((await fetch(`${exporter.url}/readyz`)).status).toBe(200);
  expect(await (await exporter.post(reportOf(2))).json()).toEqual({ result: 'stored' });
  expect((await exporter.metrics()).get(deployments)).toBe(2);
  await expect.poll(async () => (await exporter.metrics()).get('dora_exporter_ready')).toBe(1);
  const told = exporter.output().match(/Store cannot be written|Store can be written again/g);
  expect(told).toEqual(['Store cannot be written', 'Store can be written again']);
}

describe('a store that cannot write', () => {
  it('refuses webhooks while the system lets no file grow, and recovers by itself', async () => {
    const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
    const limit = (bytes: string) =>
      execFileSync('prlimit', ['--pid', String(exporter.child.pid), `--fsize=${bytes}:unlimited`]);

    await expectItRidesOut(
      exporter,
      () => limit('1'),
      () => limit('unlimited'),
    );
  });

  it('refuses webhooks while the disk is full, and recovers by itself', async ({ skip }) => {
    const folder = temporaryFolder();
    mount(folder, 'tmpfs', skip);
    const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db') });
    const filler = join(folder, 'filler');

    await expectItRidesOut(
      exporter,
      () => {
        try {
          writeFileSync(filler, Buffer.alloc(4 * 1024 * 1024));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ENOSPC' });
        }
      },
      () => rmSync(filler),
    );
    await exporter.stop();
  });

  it('says so to whoever asks for readiness, before a webhook has come', async () => {
    const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
    execFileSync('prlimit', ['--pid', String(exporter.child.pid), '--fsize=1:unlimited']);
    const ready = async () => (await fetch(`${exporter.url}/readyz`)).text();
    await expect.poll(ready).toContain('Store cannot commit');
    expect((await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
  });
});

describe('a start on a disk that cannot be written', () => {
  let folder: string;
  let path: string;
  const filler = () => join(folder, 'filler');

  beforeEach(({ skip }) => {
    folder = temporaryFolder();
    path = join(folder, 'dora.db');
    mount(folder, 'tmpfs', skip);
  });

  const breaks: readonly [string, () => void, () => void][] = [
    [
      'full',
      () => {
        expect(() => writeFileSync(filler(), Buffer.alloc(4 * 1024 * 1024))).toThrow('ENOSPC');
      },
      () => rmSync(filler()),
    ],
    [
      'read-only',
      () => void execFileSync('mount', ['-o', 'remount,ro', folder]),
      () => void execFileSync('mount', ['-o', 'remount,rw', folder]),
    ],
  ];
  const ends: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGKILL'];

  it.each(
    breaks.flatMap(([name, breakIt, mendIt]) => ends.map((end) => [name, end, breakIt, mendIt] as const)),
  )(
    'serves what it has where it is %s after a %s, and takes webhooks in once it can',
    async (_name, end, breakIt, mendIt) => {
      const before = await startReported(path, 2);
      await before.stop(end);
      breakIt();

      const exporter = await startExporter({ DORA_DATABASE: path });
      expect((await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
      expect((await exporter.metrics()).get(deployments)).toBe(2);
      expect((await exporter.post(reportOf(3))).status).toBe(503);
      const ready = await fetch(`${exporter.url}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([
        503,
        expect.stringMatching(/full|read-?only|disk/i),
      ]);
      expect((await fetch(`${exporter.url}/healthz`)).status).toBe(200);
      expect((await fetch(`${exporter.url}/`)).status).toBe(200);
      expect(exporter.output()).toContain('Store cannot be written');

      mendIt();
      expect((await fetch(`${exporter.url}/readyz`)).status).toBe(200);
      expect(await (await exporter.post(reportOf(3))).json()).toEqual({ result: 'stored' });
      expect((await exporter.metrics()).get(deployments)).toBe(3);
      expect(exporter.output()).toContain('Store can be written again');
      await (await expectKept(exporter, path, 3)).stop();
    },
  );

  it.each(breaks)(
    'serves the old figures under another policy where it is %s, and adopts the policy once it can',
    async (_name, breakIt, mendIt) => {
      const policy = join(temporaryFolder(), 'policy.yaml');
      writeFileSync(policy, 'tiers: [{tier: production, repos: [acme/*]}]\n');
      const before = await startReported(path, 2);
      await before.stop();
      breakIt();

      const exporter = await startExporter({ DORA_DATABASE: path, DORA_POLICY: policy });
      const production = deployments.replace('unassigned', 'production');
      const both = (metrics: ReadonlyMap<string, number>) =>
        [deployments, production].map((one) => metrics.get(one));
      expect(both(await exporter.metrics())).toEqual([2, undefined]);
      expect(exporter.output()).toContain('The policy cannot be adopted now; will try again');
      expect(await (await fetch(`${exporter.url}/operations`)).text()).toContain(
        'Another policy is being adopted',
      );
      expect((await exporter.post(reportOf(3))).status).toBe(503);

      mendIt();
      await expect.poll(exporter.output).toContain('The policy is active');
      expect(both(await exporter.metrics())).toEqual([undefined, 2]);
      expect((await exporter.post(reportOf(3))).status).toBe(202);
      expect(both(await exporter.metrics())).toEqual([undefined, 3]);
      await exporter.stop();
    },
  );

  it('takes nothing in if another exporter has written meanwhile', async () => {
    await (await startExporter({ DORA_DATABASE: path })).stop();
    const [, breakIt, mendIt] = breaks[1] ?? [];
    breakIt?.();
    const exporter = await startExporter({ DORA_DATABASE: path });
    mendIt?.();
    const other = await startExporter({ DORA_DATABASE: path });
    expect((await other.post(reportOf(1))).status).toBe(202);
    const inUse = await fetch(`${exporter.url}/readyz`);
    expect([inUse.status, await inUse.text()]).toEqual([503, expect.stringContaining('in use by another')]);
    await other.stop();
    expect((await exporter.post(reportOf(2))).status).toBe(503);
    const changed = await fetch(`${exporter.url}/readyz`);
    expect([changed.status, await changed.text()]).toEqual([
      503,
      expect.stringContaining('was changed by another process: restart the exporter'),
    ]);
    await exporter.stop();
  });

  it('fails where there is no database yet', async () => {
    breaks[0]?.[1]();
    const { code, output } = await runExporter({ DORA_DATABASE: path, DORA_LISTEN: '127.0.0.1:0' });
    expect(output).toMatch(/Cannot open the database .*(full|I\/O error)/);
    expect(code).toBe(1);
  });
});

describe('a store with a damaged page', () => {
  it.each(['deployments', 'pairs'])(
    'is refused at a start that reads it, as is one that cannot be opened: %s',
    async (table) => {
      const path = join(temporaryFolder(), 'dora.db');
      const first = await startReported(path, 300, (number) => ({ commit: commitOf(number) }));
      await first.stop();
      damageLeafOf(path, table);
      for (const args of table === 'deployments' ? [[], ['--check']] : [[]]) {
        const { code, output } = await runExporter({ DORA_DATABASE: path, DORA_LISTEN: '127.0.0.1:0' }, args);
        expect(output).toMatch(/damaged, restore a backup/);
        expect(code).toBe(2);
      }
    },
  );

  it('takes nothing in from then on, and says so, though other pages can be written', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'dora.db');
    const first = await startReported(path, 300, (number) => ({ commit: commitOf(number) }));
    await first.stop();
    // Where a start does not read: the entry of number 1.
    damageLeafOf(path, 'pipelines_commits');
    const exporter = await startExporter({ DORA_DATABASE: path });
    expect((await exporter.post({ ...reportOf(301), commit: commitOf(301) })).status).toBe(202);

    expect((await exporter.post({ ...reportOf(1), commit: commitOf(1), status: 'failure' })).status).toBe(
      503,
    );
    for (let attempt = 0; attempt < 2; attempt++) {
      const ready = await fetch(`${exporter.url}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('restore a backup')]);
      expect((await exporter.metrics()).get('dora_exporter_ready')).toBe(0);
    }
    expect((await exporter.post({ ...reportOf(302), commit: commitOf(302) })).status).toBe(503);
    expect((await exporter.metrics()).get(deployments)).toBe(301);
  });
});

/** Writes garbage over the first leaf of a table or an index that has several. */
function damageLeafOf(path: string, table: string): void {
  const database = new DatabaseSync(path);
  const leaf = database
    .prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path LIMIT 1")
    .get(table)?.['pageno'];
  const pageSize = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
  database.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(pageSize, 0xa5), 0, pageSize, (Number(leaf) - 1) * pageSize);
  closeSync(file);
}

import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { writeHistory } from '../bench/history.ts';
import {
  type ExporterProcess,
  fallenCounters,
  type Metrics,
  parseMetrics,
  spawnExporter,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';

const soon = { interval: 20 };
const byName = 'tiers: [{tier: production, repos: ["acme/shop-1*"]}]\ndefault_tier: rest\n';

/** Deployments by tier. */
function byTier(metrics: Metrics): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [sample, value] of metrics) {
    const tier = /^dora_deployments_total\{.*tier="([^"]*)"\}$/.exec(sample)?.[1];
    if (tier !== undefined) sums[tier] = (sums[tier] ?? 0) + value;
  }
  return sums;
}

function writePolicy(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Deployments that are prepared for the next policy. */
function preparedIn(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true });
  const row = database.prepare('SELECT COUNT(*) AS n FROM deployments_b').get();
  database.close();
  return Number(row?.['n']);
}

/** A port that nobody uses: a process that is still starting does not say which one it got. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('SIGHUP', () => {
  const report = (number: number, branch: string) => ({
    repo: 'acme/shop',
    number,
    status: 'success',
    event: 'push',
    branch,
    finished: Math.floor(Date.now() / 1000) - 1000 + number,
  });
  const setUp = async () => {
    const folder = temporaryFolder();
    const policy = join(folder, 'policy.yaml');
    writePolicy(policy, 'windows: [7d]\n');
    const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db'), DORA_POLICY: policy });
    for (const [number, branch] of [
      [1, 'main'],
      [2, 'main'],
      [3, 'release'],
    ] as const) {
      expect((await exporter.post(report(number, branch))).status).toBe(202);
    }
    const hangUp = () => exporter.child.kill('SIGHUP');
    return { exporter, policy, hangUp };
  };
  const tiersOf = async (exporter: ExporterProcess) => byTier(await exporter.metrics());

  it('adopts the policy as it is in the file now, windows included', async () => {
    const { exporter, policy, hangUp } = await setUp();
    const before = await exporter.metrics();
    expect(byTier(before)).toEqual({ unassigned: 3 });
    writePolicy(policy, 'tiers: [{tier: production, branches: [release]}]\nwindows: [30d]\n');
    hangUp();
    await expect.poll(() => tiersOf(exporter), soon).toEqual({ production: 1, unassigned: 3 });
    const after = await exporter.metrics();
    const inWindow = (tier: string, window: string) =>
      after.get(`dora_window_deployments{repo="acme/shop",tier="${tier}",window="${window}"}`);
    expect([inWindow('production', '30d'), inWindow('unassigned', '30d')]).toEqual([1, 2]);
    expect(inWindow('production', '7d')).toBe(undefined);
    expect(fallenCounters(before, after)).toEqual([]);
    // What comes in now counts under the new policy, and the API knows its windows.
    expect((await exporter.post(report(4, 'release'))).status).toBe(202);
    expect(await tiersOf(exporter)).toEqual({ production: 2, unassigned: 3 });
    expect((await fetch(`${exporter.url}/api/dora?window=30d`)).status).toBe(200);
    expect((await fetch(`${exporter.url}/api/dora?window=7d`)).status).toBe(422);
    expect((await exporter.stop()).code).toBe(0);
  });

  it('logs what is wrong with the policy, and leaves it as it is', async () => {
    const { exporter, policy, hangUp } = await setUp();
    writePolicy(policy, 'tiers: [{tear: production}]\nwindow: [30d]\n');
    hangUp();
    await expect.poll(exporter.output, soon).toMatch(/error .*policy stays as it is problem=".*line 2/);
    expect(exporter.output()).toMatch(/error .*policy stays as it is problem=".*line 1/);
    expect(await tiersOf(exporter)).toEqual({ unassigned: 3 });
    writePolicy(policy, 'windows: [7d]\n');
    hangUp();
    await expect.poll(exporter.output, soon).toContain('the policy has not changed');
    expect((await exporter.post(report(4, 'main'))).status).toBe(202);
    expect((await exporter.stop()).code).toBe(0);
  });

  it('changes nothing without a policy file', async () => {
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    exporter.child.kill('SIGHUP');
    await expect.poll(exporter.output, soon).toContain('DORA_POLICY is not set');
    expect((await exporter.stop()).code).toBe(0);
  });
});

describe('a start under another policy, with a long history', () => {
  const repos = 20;
  const pipelines = 40_000;

  it('answers health at once, shows the old figures until the new ones are ready, and goes on after kill -9', async () => {
    const folder = temporaryFolder();
    const [original, path] = [join(folder, 'original.db'), join(folder, 'dora.db')];
    const policy = join(folder, 'policy.yaml');
    const { deployments } = await writeHistory(original, { pipelines, repos, days: 200 });
    copyFileSync(original, path);
    writePolicy(policy, byName);
    const old = { unassigned: deployments };
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = () =>
      spawnExporter({ DORA_DATABASE: path, DORA_POLICY: policy, DORA_LISTEN: `127.0.0.1:${port}` });
    const isUp = async () => (await fetch(`${url}/healthz`).catch(() => null))?.status === 200;

    for (const share of [0, 0.1, 0.4]) {
      const { child, output, exited } = start();
      await expect.poll(isUp, soon).toBe(true);
      await expect.poll(() => preparedIn(path), soon).toBeGreaterThanOrEqual(share * deployments);
      expect(output()).not.toContain('The policy is active');
      child.kill('SIGKILL');
      await exited;
      expect(preparedIn(path)).toBeGreaterThanOrEqual(share * deployments);
    }

    const { child, output, exited } = start();
    const seen: Record<string, number>[] = [];
    const isInForce = async () => {
      // Before the figures are asked for: the last ones seen are then those of the new policy.
      const isLast = output().includes('The policy is active');
      const response = await fetch(`${url}/metrics`).catch(() => null);
      if (response?.status !== 200) return false;
      seen.push(byTier(parseMetrics(await response.text())));
      return isLast;
    };
    await expect.poll(isInForce, soon).toBe(true);
    const latest = seen.at(-1) ?? {};
    const { production = 0, rest = 0, ...others } = latest;
    // Repos 1 and 10 to 19 of 20.
    expect({ others, sum: production + rest, share: production / deployments }).toEqual({
      others: {},
      sum: deployments,
      share: expect.closeTo(11 / repos, 2),
    });
    for (const tiers of seen) expect([old, latest]).toContainEqual(tiers);
    child.kill('SIGTERM');
    expect((await exited).code).toBe(0);
  });
});

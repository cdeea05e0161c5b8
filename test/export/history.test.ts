import { describe, expect, it, onTestFinished } from 'vitest';
import type { Commit } from '../../src/core/commit-range.ts';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import { exportHistory } from '../../src/export/history.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';
import { StoreUnusable } from '../../src/store/store.ts';
import { deliver, deliverPage, endFirstScan } from '../support/deliver.ts';
import { exportedTexts } from '../support/exported-history.ts';
import { readOpenMetrics } from '../support/openmetrics-reader.ts';
import { projectPair } from '../support/projected.ts';
import { aPolicy, aRecord, aWorkflow, someFacts } from '../support/records.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld, type World } from '../support/world.ts';

const policy = aPolicy({ windows: [{ name: '10m', seconds: 600 }] });
const mode = { policy, canAsk: true };
const facts = someFacts({ fullName: 'acme/shop', woodpeckerId: 1 });

const success = (number: number, at: number, told: Parameters<typeof aRecord>[0] = {}) =>
  aRecord({
    number,
    id: number,
    createdAt: at - 200,
    startedAt: at - 90,
    finishedAt: at,
    updatedAt: at,
    ...told,
  });

function newFile(): string {
  const folder = createTemporaryFolder();
  onTestFinished(folder.remove);
  return folder.pathOf('dora.db');
}

/** A world with a database file, in which a first scan found `records`. */
async function scanned(
  path: string,
  records: readonly ReturnType<typeof aRecord>[],
  given = mode,
): Promise<World> {
  const world = await createWorld({ mode: given, host: createSqliteHost(path) });
  await deliverPage(world.ingest, facts, records);
  await endFirstScan(world.ingest, facts);
  onTestFinished(() => world.close());
  return world;
}

describe('an exported history', () => {
  it('is written by family, from just before the first deployment on', async () => {
    const path = newFile();
    await scanned(path, [success(1, 2500, { status: 'failure' }), success(2, 3100)]);
    const [text = ''] = await exportedTexts(path, mode, {
      from: 1000,
      to: 3500,
      stepSeconds: 300,
      labels: { job: 'dora' },
    });
    const labels = '{job="dora",repo="acme/shop",tier="unassigned"}';
    const lines = text.split('\n');
    const linesOf = (name: string) =>
      lines.filter((line) => line.startsWith(name)).map((line) => line.replace(labels, ''));
    expect(lines.slice(0, 2)).toEqual([
      '# TYPE dora_deployments counter',
      '# HELP dora_deployments Deployments, successful and failed: ended pipelines that the policy counts.',
    ]);
    expect(linesOf('dora_deployments_total')).toEqual([
      'dora_deployments_total 0 2400',
      'dora_deployments_total 1 2500',
      'dora_deployments_total 1 2700',
      'dora_deployments_total 1 3000',
      'dora_deployments_total 2 3100',
      'dora_deployments_total 2 3300',
    ]);
    // Nothing changes at 3100, so only the steps have samples.
    expect(linesOf('dora_deployment_failures_total')).toEqual([
      'dora_deployment_failures_total 0 2400',
      'dora_deployment_failures_total 1 2500',
      'dora_deployment_failures_total 1 2700',
      'dora_deployment_failures_total 1 3000',
      'dora_deployment_failures_total 1 3300',
    ]);
    expect(linesOf('dora_deployment_recovery_time_seconds_sum')).toContain(
      'dora_deployment_recovery_time_seconds_sum 600 3100',
    );
    // The first one has left at 3100, the second in which the other one arrives.
    expect(linesOf('dora_window_deployments').map((line) => line.split(' ').slice(1).join(' '))).toEqual([
      '1 2500',
      '1 2700',
      '1 3000',
      '1 3300',
    ]);
    expect(text.endsWith('\n# EOF\n')).toBe(true);
  });

  it('shows a deployment from the end of its pipeline on, although its part had finished before', async () => {
    const path = newFile();
    const parts = {
      policy: aPolicy({ tiers: [{ tier: 'production', workflows: ['deploy'] }] }),
      canAsk: false,
    };
    const world = await createWorld({ mode: parts, host: createSqliteHost(path), startsAt: 10_000 });
    onTestFinished(() => world.close());
    const workflows = [aWorkflow({ name: 'deploy', startedAt: 2400, finishedAt: 2500 })];
    await deliver(world.ingest, facts, success(1, 2800, { workflows }));
    const [text = ''] = await exportedTexts(path, parts, { from: 0, to: 4000, stepSeconds: 100 });
    const { valueAt } = readOpenMetrics(text);
    const total = 'dora_deployments_total{repo="acme/shop",tier="production"}';
    expect([2500, 2799, 2800].map((at) => valueAt(total, at))).toEqual([0, 0, 1]);
  });

  it('gives incidents of a shared name to the repo that had deployed last at each moment', async () => {
    const path = newFile();
    const shared = { policy: aPolicy({ tiers: [{ tier: 'production' }] }), canAsk: false };
    const world = await createWorld({ mode: shared, host: createSqliteHost(path), startsAt: 10_000 });
    onTestFinished(() => world.close());
    const deploy = (woodpeckerId: number, number: number, at: number) =>
      deliver(world.ingest, someFacts({ fullName: 'acme/shop', woodpeckerId }), success(number, at));
    await deploy(1, 1, 2000);
    await deploy(2, 2, 4000);
    await deploy(1, 3, 6000);
    const report = saidAt({ repo: 'acme/shop', tier: 'production', started: 3000 }, 3000);
    await world.ingest.submit({ kind: 'incident', id: 'INC-1', report });
    const [text = ''] = await exportedTexts(path, shared, { from: 0, to: 7000, stepSeconds: 500 });
    const { valueAt } = readOpenMetrics(text);
    const failingSince = 'dora_deployment_failing_since_timestamp{repo="acme/shop",tier="production"}';
    expect([2500, 3500, 4500, 6500].map((at) => valueAt(failingSince, at))).toEqual([0, 2000, 0, 2000]);
    expect(projectPair(world.state, 'acme/shop', 'production')?.failingSince).toBe(2000);
  });

  it('omits a series that begins after it, and a series that is not scraped', async () => {
    const path = newFile();
    const world = await scanned(path, [success(1, 2500)]);
    const range = { from: 1000, to: 2400, stepSeconds: 300 };
    const seriesIn = async (to: number) => {
      const [text = ''] = await exportedTexts(path, mode, { ...range, to });
      return readOpenMetrics(text).series.size;
    };
    expect(await seriesIn(2400)).toBe(0);
    expect(await seriesIn(2401)).toBeGreaterThan(0);
    await world.ingest.submit({ kind: 'repoGone', repoId: 1, since: 9000 });
    expect(await seriesIn(9000)).toBe(0);
  });

  it('excludes from its counters the lead times that a forge reports for the past, like the ledger', async () => {
    const path = newFile();
    const asking = { ...mode, asksForge: true };
    const world = await scanned(
      path,
      [success(1, 2500, { commit: 'a' }), success(2, 2600, { commit: 'b' })],
      asking,
    );
    const commit = (id: string, committedAt: number) => ({ id, committedAt, isMerge: false });
    const learn = (number: number, base: string | null, head: string, ...added: Commit[]) => {
      const change = { base, head, range: { added, removed: [] } };
      const answer = { repo: 1, tier: 'unassigned', number, change, commit: null, isOlder: false };
      return world.ingest.submit({ kind: 'commits', answers: [answer] });
    };
    await learn(1, null, 'a');
    await learn(2, 'a', 'b', commit('b', 2400), commit('b0', 2300));
    await deliver(world.ingest, facts, success(3, 2700, { commit: 'c' }));
    await learn(3, 'b', 'c', commit('c', 2650));
    const [text = ''] = await exportedTexts(path, asking, { from: 1000, to: 3000, stepSeconds: 300 });
    const labels = 'repo="acme/shop",tier="unassigned"';
    const history = readOpenMetrics(text);
    const seen = [2599, 2600, 2699, 2700].map((at) => [
      history.valueAt(`dora_change_lead_time_seconds_count{${labels}}`, at),
      history.valueAt(`dora_change_lead_time_seconds_sum{${labels}}`, at),
      history.valueAt(`dora_window_change_lead_time_samples{${labels},window="10m"}`, at),
    ]);
    expect(seen).toEqual([
      [0, 0, 0],
      [0, 0, 2],
      [0, 0, 2],
      [1, 50, 3],
    ]);
  });

  it('is refused if the exporter would first have to migrate the database', async () => {
    const path = newFile();
    const world = await scanned(path, [success(1, 2500)]);
    const range = { from: 1000, to: 3000, stepSeconds: 300 };
    const otherwise = { ...mode, policy: aPolicy({ defaultTier: 'other' }) };
    await expect(exportedTexts(path, otherwise, range)).rejects.toThrow(StoreUnusable);
    // Other windows change no stored data.
    const longer = { ...mode, policy: aPolicy({ windows: [{ name: '1h', seconds: 3600 }] }) };
    await expect(exportedTexts(path, longer, range)).resolves.toHaveLength(1);
    await world.restart(otherwise);
    await expect(exportedTexts(path, otherwise, range)).resolves.toHaveLength(1);
  });

  it('only reads, from one snapshot, while the exporter continues to write', async () => {
    const path = newFile();
    const world = await scanned(path, [success(1, 2500)]);
    const store = openSqliteStore(path, { isReadOnly: true });
    onTestFinished(() => store.close());
    const request = { from: 1000, to: 3000, stepSeconds: 1, cuts: [], labels: {}, withWindows: true };
    let pieces = 0;
    let text = '';
    await store.transact((tx) =>
      exportHistory(tx, mode, request, async (_, piece) => {
        if (pieces++ === 0) {
          await deliver(world.ingest, facts, success(2, 2600));
        }
        text += piece;
      }),
    );
    expect(pieces).toBeGreaterThan(3);
    const last = [...readOpenMetrics(text).series].filter(([name]) => /_count|_total/.test(name));
    expect(Math.max(...last.map(([, samples]) => samples.at(-1)?.[1] ?? 0))).toBe(1);
  });
});

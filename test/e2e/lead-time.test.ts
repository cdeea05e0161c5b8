import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  adminToken,
  type ExporterProcess,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { startFakeForge } from '../support/fake-forge.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';

const pair = 'repo="acme/shop",tier="unassigned"';
const name = (metric: string, labels = '') => `${metric}{${pair}${labels}}`;
const inWeek = (metric: string, labels = '') => name(metric, `,window="7d"${labels}`);
const metric = async (exporter: ExporterProcess, wanted: string) => (await exporter.metrics()).get(wanted);

/** A history of three deployments, a commit and a merge between each, on a Woodpecker and a forge. */
async function createHistory() {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  const forge = await startFakeForge({ kind: 'forgejo' });
  onTestFinished(() => forge.close());
  const forgeRemoteId = String(forge.addRepo('acme/shop'));
  woodpecker.addRepo({ fullName: 'acme/shop', forgeRemoteId, private: true, access: { alice: 'push' } });
  const now = Math.floor(Date.now() / 1000);
  const commitAt = (parents: string[], committedAt: number) =>
    forge.commit('acme/shop', { parents, committedAt });
  const deploy = (commit: string, finished: number) =>
    woodpecker.addPipeline('acme/shop', {
      commit,
      status: 'success',
      created: finished - 100,
      started: finished - 90,
      finished,
    });
  const first = commitAt([], now - 9000);
  deploy(first, now - 8000);
  const branch = commitAt([first], now - 7500);
  const second = commitAt([first, branch], now - 7400);
  deploy(second, now - 7000);
  const env = {
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_FORGE_URL: forge.url,
    DORA_FORGE_KIND: forge.kind,
    DORA_FORGE_TOKEN: forge.token,
  };
  /** One that ends now, and is seen to. */
  const deployNow = async (exporter: ExporterProcess, commit: string, event: 'push' | 'tag' = 'push') => {
    const before = await metric(exporter, name('dora_deployments_total'));
    const { number } = woodpecker.createPipeline('acme/shop', { commit, event });
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.finishPipeline('acme/shop', number, { status: 'success' });
    await expect.poll(() => metric(exporter, name('dora_deployments_total'))).toBe((before ?? 0) + 1);
  };
  return { woodpecker, forge, env, now, commitAt, deploy, deployNow, first, second };
}

const samplesIn = (exporter: ExporterProcess) =>
  metric(exporter, inWeek('dora_window_change_lead_time_samples'));
const pendingIn = (exporter: ExporterProcess) => metric(exporter, 'dora_exporter_lead_times_pending');

describe('lead times of the real service', () => {
  it('come from the forge: history in the windows, what is new in the histogram too, over a restart', async () => {
    const { woodpecker, forge, env, now, commitAt, first, second } = await createHistory();
    const exporter = await startExporter(env);
    const samples = (from: ExporterProcess) => metric(from, inWeek('dora_window_change_lead_time_samples'));

    // The merge is left out: 1000 s of the first deployment, and 500 s of the branch.
    await expect.poll(() => samples(exporter)).toBe(2);
    expect(await metric(exporter, inWeek('dora_window_change_lead_time_seconds', ',quantile="0.5"'))).toBe(
      750,
    );
    expect(await metric(exporter, name('dora_change_lead_time_seconds_count'))).toBe(0);
    expect(await metric(exporter, 'dora_exporter_lead_times_pending')).toBe(0);
    const codes = [...(await exporter.metrics()).keys()].filter((key) => key.includes('forge_requests'));
    expect(codes).toEqual(['dora_exporter_forge_requests_total{code="200"}']);

    // Back to the first commit and forth again brings nothing new; a third commit does.
    const third = commitAt([second], now - 600);
    for (const commit of [first, second, third]) {
      const { number } = woodpecker.createPipeline('acme/shop', { commit });
      woodpecker.startPipeline('acme/shop', number);
      woodpecker.finishPipeline('acme/shop', number, { status: 'success' });
      await expect.poll(() => metric(exporter, 'dora_exporter_following')).toBe(0);
    }
    const observed = (from: ExporterProcess) => metric(from, name('dora_change_lead_time_seconds_count'));
    await expect.poll(() => observed(exporter)).toBe(1);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);
    expect(await samples(exporter)).toBe(3);
    await exporter.stop('SIGKILL');

    forge.clearRequests();
    const restarted = await startExporter(env);
    await expect.poll(() => samples(restarted)).toBe(3);
    expect(await observed(restarted)).toBe(1);
    expect(forge.requests).toEqual([]);
    await restarted.stop();
  });

  it('wait for a repo that the forge does not show, with one warning, until a backfill finds it', async () => {
    const { forge, env } = await createHistory();
    forge.hideRepo('acme/shop');
    const exporter = await startExporter(env);
    const trouble = 'Forgejo shows no repo acme/shop (id 1): it is gone, or DORA_FORGE_TOKEN may not read it';
    await expect.poll(() => exporter.output()).toContain(trouble);
    expect(await (await fetch(`${exporter.url}/operations`)).text()).toContain(trouble);
    expect(await pendingIn(exporter)).toBe(2);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);

    forge.showRepo('acme/shop');
    const answer = await fetch(`${exporter.url}/backfill?wait=true`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminToken}` },
    });
    expect(answer.status).toBe(200);
    await expect.poll(() => samplesIn(exporter)).toBe(2);
    expect(await pendingIn(exporter)).toBe(0);
    expect(exporter.output().split(trouble).length - 1).toBe(1);
    expect(await (await fetch(`${exporter.url}/operations`)).text()).not.toContain(trouble);
    await exporter.stop();
  });

  it.each([
    ['is deleted', false],
    ['has lost its name to another one', true],
  ])('count nothing again on the way back after the repo %s', async (_, isReplaced) => {
    const { forge, env, first, deployNow } = await createHistory();
    const exporter = await startExporter(env);
    await expect.poll(() => samplesIn(exporter)).toBe(2);
    forge.deleteRepo('acme/shop');
    if (isReplaced) {
      forge.addRepo('acme/shop');
      forge.commit('acme/shop', { committedAt: 1_785_000_000 });
    }
    await deployNow(exporter, first);
    await expect.poll(() => exporter.output()).toContain('shows no repo acme/shop (id 1)');
    expect(await samplesIn(exporter)).toBe(2);
    expect(await metric(exporter, name('dora_change_lead_time_seconds_count'))).toBe(0);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);
    await exporter.stop();
  });

  it('come from a repo that was renamed, also if another one took its old name', async () => {
    const { forge, env } = await createHistory();
    forge.renameRepo('acme/shop', 'acme/store');
    forge.addRepo('acme/shop');
    forge.commit('acme/shop', { committedAt: 1_785_000_000 });
    const exporter = await startExporter(env);
    await expect.poll(() => samplesIn(exporter)).toBe(2);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);
    await exporter.stop();
  });

  it('count a release once, though its annotated tag has an id of its own', async () => {
    const { forge, env, now, commitAt, second, deployNow } = await createHistory();
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'policy.yaml'), 'lead_time: {fallback: created}\n');
    const exporter = await startExporter({ ...env, DORA_POLICY: join(folder, 'policy.yaml') });
    await expect.poll(() => samplesIn(exporter)).toBe(2);
    const third = commitAt([second], now - 86_400);
    await deployNow(exporter, third);
    await deployNow(exporter, forge.tag('acme/shop', { name: 'v3', target: third }), 'tag');
    await expect.poll(() => pendingIn(exporter)).toBe(0);
    expect(await samplesIn(exporter)).toBe(3);
    expect(await metric(exporter, name('dora_change_lead_time_seconds_count'))).toBe(1);
    expect(await metric(exporter, name('dora_change_lead_time_seconds_sum'))).toBeGreaterThan(86_399);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);
    await exporter.stop();
  });
});

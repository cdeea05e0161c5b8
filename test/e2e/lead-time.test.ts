import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ExporterProcess, startExporter, temporaryFolder } from '../support/exporter-process.ts';
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
  woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
  forge.addRepo('acme/shop');
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
  return { woodpecker, forge, now, commitAt, deploy, first, second };
}

describe('lead times of the real service', () => {
  it('come from the forge: history in the windows, what is new in the histogram too, over a restart', async () => {
    const { woodpecker, forge, now, commitAt, first, second } = await createHistory();
    const env = {
      DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
      DORA_FORGE_URL: forge.url,
      DORA_FORGE_KIND: forge.kind,
      DORA_FORGE_TOKEN: forge.token,
    };
    const exporter = await startExporter(env);
    const samples = (from: ExporterProcess) => metric(from, inWeek('dora_window_change_lead_time_samples'));

    // The merge is left out: 1000 s of the first deployment, and 500 s of the branch.
    await expect.poll(() => samples(exporter), { timeout: 10_000 }).toBe(2);
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
    await expect.poll(() => observed(exporter), { timeout: 10_000 }).toBe(1);
    expect(await metric(exporter, name('dora_change_lead_time_unknown_total'))).toBe(0);
    expect(await samples(exporter)).toBe(3);
    await exporter.stop('SIGKILL');

    forge.clearRequests();
    const restarted = await startExporter(env);
    await expect.poll(() => samples(restarted), { timeout: 10_000 }).toBe(3);
    expect(await observed(restarted)).toBe(1);
    expect(forge.requests).toEqual([]);
    await restarted.stop();
  }, 40_000);
});

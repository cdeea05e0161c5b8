import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ExporterProcess, startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from '../support/fake-woodpecker.ts';

const series = (name: string, repo = 'acme/shop') => `${name}{repo="${repo}",tier="unassigned"}`;
const deployments = (repo?: string) => series('dora_deployments_total', repo);

async function start(
  env: Record<string, string> = {},
): Promise<{ woodpecker: FakeWoodpecker; exporter: ExporterProcess }> {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
  const exporter = await startExporter({
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_RECONCILE_INTERVAL: '1s',
    ...env,
  });
  const isStreaming = env['DORA_STREAM'] === 'false' ? undefined : 1;
  await expect.poll(() => metric(exporter, 'dora_exporter_stream_connected')).toBe(isStreaming);
  await expect.poll(() => metric(exporter, deployments())).toBe(0);
  return { woodpecker, exporter };
}

const metric = async (exporter: ExporterProcess, name: string) => (await exporter.metrics()).get(name);

describe('the service with an event stream', () => {
  it('counts a pipeline as it ends, though no step ever posts', async () => {
    const { woodpecker, exporter } = await start({ DORA_RECONCILE_INTERVAL: '1h' });
    const { number } = woodpecker.createPipeline('acme/shop', { workflows: ['build', 'deploy'] });
    woodpecker.startPipeline('acme/shop', number);
    await expect.poll(() => metric(exporter, 'dora_exporter_following')).toBe(1);

    woodpecker.finishPipeline('acme/shop', number, { status: 'failure' });

    await expect.poll(() => metric(exporter, deployments())).toBe(1);
    expect(await metric(exporter, series('dora_deployment_failures_total'))).toBe(1);
    expect(await metric(exporter, 'dora_exporter_following')).toBe(0);
  });

  it('finds what ended while the stream was down, and says that it was missed', async () => {
    const { woodpecker, exporter } = await start();
    woodpecker.fault({ match: '/api/stream', answer: { status: 503 } });
    woodpecker.streams.dropAll('break');
    await expect.poll(() => metric(exporter, 'dora_exporter_stream_connected')).toBe(0);

    woodpecker.runPipeline('acme/shop');
    woodpecker.runPipeline('acme/shop', {}, { status: 'failure' });

    await expect.poll(() => metric(exporter, deployments())).toBe(2);
    expect(await metric(exporter, 'dora_exporter_missed_events_total')).toBe(2);
    woodpecker.clearFaults();
    await expect.poll(() => metric(exporter, 'dora_exporter_stream_connected')).toBe(1);
    expect(await metric(exporter, 'dora_exporter_stream_reconnects_total')).toBe(1);
  });

  it('takes up a new repo, renames one, and ends the series of one that is gone until it is back', async () => {
    const { woodpecker, exporter } = await start();
    woodpecker.runPipeline('acme/shop');
    await expect.poll(() => metric(exporter, deployments())).toBe(1);

    woodpecker.addRepo({ fullName: 'acme/new', private: true, access: { alice: 'push' } });
    await expect.poll(() => metric(exporter, deployments('acme/new'))).toBe(0);
    woodpecker.renameRepo('acme/shop', 'acme/store');
    await expect.poll(() => metric(exporter, deployments('acme/store'))).toBe(1);
    expect(await metric(exporter, deployments())).toBeUndefined();

    woodpecker.deactivateRepo('acme/store');
    await expect.poll(() => metric(exporter, deployments('acme/store'))).toBeUndefined();
    expect(exporter.output()).toContain('Repo is no longer active in Woodpecker');
    woodpecker.activateRepo('acme/store');
    await expect.poll(() => metric(exporter, deployments('acme/store'))).toBe(1);
    expect(exporter.output()).toContain('Repo is back, and its series with it');
  });

  it('lets go of what a scan that was cut off has brought, once one comes through', async () => {
    const { woodpecker, exporter } = await start({ DORA_STREAM: 'false', DORA_RECONCILE_INTERVAL: '1s' });
    const { id } = woodpecker.repo('acme/shop');
    const numbers = Array.from({ length: 60 }, () => woodpecker.createPipeline('acme/shop', {}).number);
    await expect.poll(() => metric(exporter, 'dora_exporter_following')).toBe(60);
    const fault = woodpecker.fault({
      match: (request) => request.query.includes('page=2') || /\/pipelines\/\d+$/.test(request.path),
      answer: { status: 500 },
    });
    for (const number of numbers) {
      woodpecker.startPipeline(id, number);
      woodpecker.finishPipeline(id, number);
    }
    await expect.poll(() => woodpecker.requests.some(({ query }) => query.includes('page=2'))).toBe(true);
    fault.clear();

    await expect.poll(() => metric(exporter, deployments())).toBe(60);
  });

  it('goes no further once Woodpecker is another under the same ids', async () => {
    const { woodpecker, exporter } = await start();
    woodpecker.runPipeline('acme/shop');
    await expect.poll(() => metric(exporter, deployments())).toBe(1);
    woodpecker.changeRepo('acme/shop', { full_name: 'other/thing', name: 'thing', forge_remote_id: '4711' });

    expect((await exporter.exited).code).toBe(2);
    expect(exporter.output()).toContain('another or a rebuilt Woodpecker');
  });

  it('says once that the token is refused, and goes on when a good one is valid again', async () => {
    const woodpecker = await startFakeWoodpecker();
    onTestFinished(() => woodpecker.close());
    const exporter = await startExporter({
      DORA_DATABASE: ':memory:',
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.badToken,
    });
    await expect.poll(() => exporter.output()).toContain('refuses the token');
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(exporter.output().match(/refuses the token/g)).toHaveLength(1);
    expect(await metric(exporter, 'dora_exporter_stream_connected')).toBe(0);
  });
});

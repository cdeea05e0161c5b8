import { describe, expect, it } from 'vitest';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, incidentSecret, noon } from '../support/small-exporter.ts';

const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });

async function start() {
  const exporter = await createSmallExporter({ policy });
  const app = exporter.app();
  let number = 0;
  return {
    clock: exporter.clock,
    deploy: (repo: string, deployTo: string) =>
      exporter.receive({
        repo,
        number: ++number,
        status: 'success',
        event: 'deployment',
        deploy_to: deployTo,
        finished: noon - 100,
      }),
    post: async (body: unknown) => {
      const headers = { authorization: `Bearer ${incidentSecret}` };
      const response = await app.request('/incidents', {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(202);
    },
    samples: async () => {
      const text = await (await app.request('/metrics')).text();
      return text.split('\n').filter((line) => line.startsWith('dora_incidents_'));
    },
  };
}

const day = 86_400;
const report = { id: 'INC-1', repo: 'acme/shop', tier: 'production', started: noon - 60 };
const alertOf = (startedAgo: number) => ({
  alerts: [
    {
      status: 'firing',
      labels: { dora_repo: 'acme/shop', dora_tier: 'production' },
      startsAt: noon - startedAgo,
      fingerprint: 'f1',
    },
  ],
});
const total = (repo: string, count: number) =>
  `dora_incidents_total{repo="${repo}",tier="production"} ${count}`;
const open = (count: number, tier = 'production') =>
  `dora_incidents_open{repo="acme/shop",tier="${tier}"} ${count}`;

describe('the metrics of incidents', () => {
  it('have no samples before the first incident', async () => {
    const { deploy, samples } = await start();
    await deploy('acme/shop', 'production');
    expect(await samples()).toEqual([]);
  });

  it('start at 0 in each tier that a rule names, once an incident exists', async () => {
    const { deploy, post, samples } = await start();
    await deploy('acme/shop', 'production');
    await deploy('acme/api', 'production');
    await deploy('acme/api', 'elsewhere');
    await post(report);
    expect(await samples()).toEqual([total('acme/api', 0), total('acme/shop', 1), open(1)]);
    await post({ ...report, resolved: noon - 10 });
    expect(await samples()).toEqual([total('acme/api', 0), total('acme/shop', 1)]);
    await post({ ...report, dismissed: true });
    expect(await samples()).toEqual([total('acme/api', 0), total('acme/shop', 1)]);
  });

  it('show open incidents of other tiers too, but no total', async () => {
    const { deploy, post, samples } = await start();
    await deploy('acme/shop', 'elsewhere');
    await post({ ...report, tier: 'unassigned' });
    expect(await samples()).toEqual([open(1, 'unassigned')]);
  });

  it('count an incident of an unknown repo once the repo deploys', async () => {
    const { deploy, post, samples } = await start();
    await post(report);
    expect(await samples()).toEqual([]);
    await deploy('acme/shop', 'production');
    expect(await samples()).toEqual([total('acme/shop', 1), open(1)]);
  });

  it('show an alert as open until it is stale, and a future incident from its start to its end', async () => {
    const { deploy, post, samples, clock } = await start();
    await deploy('acme/shop', 'production');
    await post(alertOf(60));
    await post({ ...report, started: noon + 120, resolved: noon + 240 });
    expect(await samples()).toEqual([total('acme/shop', 2), open(1)]);
    clock.advance(120);
    expect(await samples()).toEqual([total('acme/shop', 2), open(2)]);
    clock.advance(120);
    expect(await samples()).toEqual([total('acme/shop', 2), open(1)]);
    clock.advance(86_400 - 240);
    expect(await samples()).toEqual([total('acme/shop', 2), open(1)]);
    clock.advance(1);
    expect(await samples()).toEqual([total('acme/shop', 2)]);
  });

  it('count failures of deployments that are older than any window, as soon as their incidents arrive', async () => {
    const exporter = await createSmallExporter({
      policy: { ...policy, windows: [{ name: '7d', seconds: 7 * day }] },
    });
    const app = exporter.app();
    for (const [index, daysAgo] of [60, 50, 40, 30, 1].entries()) {
      await exporter.receive({
        ...{ repo: 'acme/shop', number: index + 1, status: 'success', event: 'deployment' },
        ...{ deploy_to: 'production', finished: noon - daysAgo * day },
      });
    }
    const post = async (body: object) => {
      const headers = { authorization: `Bearer ${incidentSecret}` };
      const request = { method: 'POST', headers, body: JSON.stringify({ ...report, ...body }) };
      expect((await app.request('/incidents', request)).status).toBe(202);
      const text = await (await app.request('/metrics')).text();
      const [, failures] = /^dora_deployment_failures_total\{.*\} (\d+)$/m.exec(text) ?? [];
      return Number(failures);
    };
    const hourOf = (daysAgo: number) => ({
      started: noon - daysAgo * day + 600,
      resolved: noon - daysAgo * day + 1200,
    });
    expect(await post(hourOf(1))).toBe(1);
    expect(await post({ id: 'INC-2', ...hourOf(40) })).toBe(2);
    expect(await post({ id: 'INC-2', ...hourOf(40) })).toBe(2);
    expect(await post({ id: 'INC-3', ...hourOf(60), deployment: 1 })).toBe(3);
    expect(await post({ id: 'INC-4', ...hourOf(50), tier: 'unassigned' })).toBe(3);
    exporter.clock.advance(1);
    expect(await post({ id: 'INC-4', ...hourOf(50) })).toBe(4);
    expect(await post({ id: 'INC-2', ...hourOf(20) })).toBe(4);
    expect(await post({ id: 'INC-2', ...hourOf(30) })).toBe(5);
  });
});

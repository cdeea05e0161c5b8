import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/core/policy.ts';
import { fixture } from '../support/fixtures.ts';
import { aPolicy } from '../support/records.ts';
import {
  adminToken,
  createSmallExporter,
  incidentSecret,
  noon,
  type SmallExporterOptions,
  webhookSecret,
} from '../support/small-exporter.ts';

const tier = 'production';
const policy: Policy = aPolicy({
  tiers: [{ tier, deployTo: [tier] }],
  incidents: {
    staleSeconds: 86_400,
    rules: [{ labels: { team: ['web'] }, repo: 'acme/{{service}}', tier }],
  },
});

async function start(options: SmallExporterOptions = {}) {
  const exporter = await createSmallExporter({ policy, ...options });
  const app = exporter.app();
  const ask = (method: string, path: string, body?: unknown, token = adminToken) =>
    app.request(path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    ...exporter,
    eventsSoFar: () => exporter.events,
    ask,
    deploy: (number: number, repo = 'acme/shop') =>
      exporter.receive({
        repo,
        number,
        status: 'success',
        event: 'deployment',
        deploy_to: tier,
        finished: noon - 1000 + number,
      }),
    post: async (body: unknown, token = incidentSecret) => {
      const response = await ask('POST', '/incidents', body, token);
      return [response.status, await response.json()];
    },
    list: async (query = '') => {
      const { incidents } = (await (await ask('GET', `/api/incidents${query}`)).json()) as {
        incidents: { id: string; repo: string }[];
      };
      return incidents;
    },
  };
}

const report = { id: 'INC-12', repo: 'acme/shop', tier, started: noon - 60 };
const alert = {
  status: 'firing',
  labels: { alertname: 'CheckoutFails', team: 'web', service: 'shop' },
  annotations: { summary: 'Checkout fails' },
  startsAt: '2026-07-31T12:00:00.123Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'https://prometheus.example.com/graph?x',
  fingerprint: 'c0ffee',
};
const startsAt = Date.parse('2026-07-31T12:00:00Z') / 1000;

describe('POST /incidents', () => {
  it('takes a plain report, and says when it has it already', async () => {
    const { post, list, deploy } = await start();
    await deploy(1);
    expect(await post(report)).toEqual([202, { result: 'stored' }]);
    expect(await post(report)).toEqual([202, { result: 'duplicate' }]);
    const more = { ...report, title: 'Checkout fails', url: 'https://status.example.com/12', deployment: 1 };
    expect(await post({ ...more, resolved: '2026-07-31T12:20:40Z' })).toEqual([202, { result: 'stored' }]);
    expect(await list()).toEqual([
      {
        id: 'INC-12',
        kind: 'report',
        repo: 'acme/shop',
        tier,
        known: true,
        started: '2026-07-31T12:19:50Z',
        resolved: '2026-07-31T12:20:40Z',
        stale: false,
        received: null,
        title: 'Checkout fails',
        url: 'https://status.example.com/12',
        deployment: 1,
      },
    ]);
  });

  it('takes a later report that leaves out what the first one said', async () => {
    const { post, list } = await start();
    await post({ id: 'INC-12', repo: 'acme/shop', tier: 'production', started: noon - 600 });
    expect(await post({ id: 'INC-12', resolved: noon - 60 })).toMatchObject([202, { result: 'stored' }]);
    expect(await list()).toMatchObject([
      { id: 'INC-12', started: '2026-07-31T12:10:50Z', resolved: '2026-07-31T12:19:50Z' },
    ]);
    expect(await post({ id: 'INC-12', dismissed: true })).toMatchObject([202, { result: 'stored' }]);
    expect(await list()).toEqual([]);
    expect(await post({ id: 'INC-13', resolved: noon - 60 })).toMatchObject([422, {}]);
  });

  it('takes alerts of whatever version, and says of each what became of it', async () => {
    const { post, list, deploy } = await start();
    await deploy(1);
    const other = { ...alert, fingerprint: 'f2', labels: { team: 'api' } };
    const own = { ...alert, fingerprint: 'f3', labels: { ...alert.labels, dora_own: 'true' } };
    for (const version of ['4', '1', undefined]) {
      const result = version === '4' ? 'stored' : 'duplicate';
      expect(await post({ version, status: 'firing', alerts: [other, alert, own] })).toEqual([
        202,
        {
          result,
          alerts: [
            { fingerprint: 'f2', result: 'ignored', reason: 'no_rule' },
            { fingerprint: 'c0ffee', result },
            { fingerprint: 'f3', result: 'ignored', reason: 'own_alert' },
          ],
        },
      ]);
    }
    expect(await post({ alerts: [other] })).toEqual([
      202,
      {
        result: 'ignored',
        reason: 'no_rule',
        alerts: [{ fingerprint: 'f2', result: 'ignored', reason: 'no_rule' }],
      },
    ]);
    expect(await list()).toMatchObject([
      {
        id: `c0ffee-${startsAt}`,
        kind: 'alert',
        repo: 'acme/shop',
        started: '2026-07-31T12:00:00Z',
        resolved: null,
        received: '2026-07-31T12:20:50Z',
        title: 'Checkout fails',
        url: alert.generatorURL,
      },
    ]);
    await post({ alerts: [{ ...alert, status: 'resolved', endsAt: '2026-07-31T12:10:00Z' }] });
    expect(await list()).toMatchObject([{ id: `c0ffee-${startsAt}`, resolved: '2026-07-31T12:10:00Z' }]);
  });

  it('identifies an alert without a fingerprint by its labels', async () => {
    const { post, list } = await start();
    const { fingerprint: _, ...anonymous } = alert;
    const reversed = Object.fromEntries(Object.entries(alert.labels).reverse());
    await post({ alerts: [anonymous] });
    await post({ alerts: [{ ...anonymous, labels: reversed }] });
    await post({ alerts: [{ ...anonymous, labels: { ...alert.labels, pod: 'shop-1' } }] });
    expect(await list()).toHaveLength(2);
  });

  it('lists an alert that is not repeated as stale', async () => {
    const { post, list, clock } = await start();
    await post({ alerts: [alert] });
    clock.advance(86_400);
    expect(await list('?open=true')).toMatchObject([{ stale: false }]);
    clock.advance(1);
    expect(await list()).toMatchObject([{ stale: true, resolved: null }]);
    expect(await list('?open=true')).toEqual([]);
  });

  it.each([
    ['no shape', {}, ''],
    ['a list', [], ''],
    ['no alert', { alerts: [] }, 'alerts'],
    ['alerts that are none', { alerts: 'all' }, 'alerts'],
    ['no start', { ...report, started: undefined }, 'started'],
    ['a start long ago', { ...report, started: 12 }, 'started'],
    ['a start that is no time', { ...report, started: 'yesterday' }, 'started'],
    ['a start ahead', { ...report, started: noon + 301 }, 'started'],
    ['an end ahead', { ...report, resolved: noon + 301 }, 'resolved'],
    ['an end before the start', { ...report, resolved: noon - 61 }, 'resolved'],
    ['no name of a repo', { ...report, repo: 'shop' }, 'repo'],
    ['an empty tier', { ...report, tier: '' }, 'tier'],
    ['a tier with a line break', { ...report, tier: 'a\nb' }, 'tier'],
    ['an empty id', { ...report, id: '' }, 'id'],
    [
      'an alert ahead',
      { alerts: [alert, { ...alert, startsAt: '2026-07-31T12:26:00Z' }] },
      'alerts.1.startsAt',
    ],
    ['a resolved alert without an end', { alerts: [{ ...alert, status: 'resolved' }] }, 'alerts.0.endsAt'],
    [
      'a resolved alert that ends ahead',
      { alerts: [{ ...alert, status: 'resolved', endsAt: '2026-07-31T12:26:00Z' }] },
      'alerts.0.endsAt',
    ],
    [
      'an alert that is neither firing nor resolved',
      { alerts: [{ ...alert, status: 'ok' }] },
      'alerts.0.status',
    ],
  ])('refuses %s, says where, and changes nothing', async (_, body, path) => {
    const { post, state } = await start();
    const version = state.version;
    expect(await post(body)).toMatchObject([422, { errors: [{ path }] }]);
    expect(state.version).toBe(version);
  });

  it('takes times up to five minutes ahead', async () => {
    const { post } = await start();
    expect(await post({ ...report, started: noon + 300 })).toEqual([202, { result: 'stored' }]);
  });

  it('knows only its own secret', async () => {
    const { post, eventsSoFar } = await start();
    for (const token of [webhookSecret, adminToken, 'wrong']) {
      expect(await post(report, token)).toMatchObject([401, { title: 'Unauthorized' }]);
    }
    expect(await post(report)).toEqual([202, { result: 'stored' }]);
    expect(eventsSoFar()).toEqual([
      'incident rejected',
      'incident rejected',
      'incident rejected',
      'incident stored',
    ]);
  });

  it('cuts titles to 256 characters, and links to none but those of the web', async () => {
    const { post, list } = await start();
    await post({ ...report, title: 'x'.repeat(300), url: 'javascript:alert(1)' });
    expect(await list()).toMatchObject([{ title: 'x'.repeat(256), url: null }]);
  });
});

describe('GET /api/incidents', () => {
  it('lists the newest first, of a repo and tier if they are given', async () => {
    const { post, list } = await start();
    await post(report);
    await post({ ...report, id: 'INC-13', started: noon - 50 });
    await post({ ...report, id: 'INC-14', repo: 'acme/api', started: noon - 40, resolved: noon - 30 });
    await post({ ...report, id: 'INC-15', tier: 'staging', started: noon - 90 });
    const ids = async (query = '') => (await list(query)).map(({ id }) => id);
    expect(await ids()).toEqual(['INC-14', 'INC-13', 'INC-12', 'INC-15']);
    expect(await ids('?repo=Acme/Shop')).toEqual(['INC-13', 'INC-12', 'INC-15']);
    expect(await ids('?tier=staging')).toEqual(['INC-15']);
    expect(await ids('?open=true&limit=1')).toEqual(['INC-13']);
  });

  it('names an unknown repo as it was posted, and a known one as Woodpecker does', async () => {
    const { post, list, deploy } = await start();
    await post({ ...report, repo: 'Acme/Shop' });
    await post({
      alerts: [{ ...alert, labels: { ...alert.labels, dora_repo: 'Acme/API', dora_tier: tier } }],
    });
    const names = async () => (await list()).map(({ repo }) => repo).sort();
    expect(await names()).toEqual(['Acme/API', 'Acme/Shop']);
    await deploy(1, 'acme/shop');
    expect(await names()).toEqual(['Acme/API', 'acme/shop']);
  });
});

describe('DELETE /incidents', () => {
  it('withdraws any incident, with the admin token', async () => {
    const { post, list, ask } = await start();
    await post(report);
    await post({ ...report, id: 'team/12 ä' });
    await post({ alerts: [alert] });
    expect((await ask('DELETE', '/incidents/INC-12', undefined, incidentSecret)).status).toBe(401);
    expect(await list()).toHaveLength(3);
    for (const id of ['INC-12', encodeURIComponent('team/12 ä'), `c0ffee-${startsAt}`]) {
      expect((await ask('DELETE', `/incidents/${id}`)).status).toBe(204);
    }
    expect(await list()).toEqual([]);
    expect((await ask('DELETE', '/incidents/INC-13')).status).toBe(404);
  });
});

describe('/deployments/{repo}/{number}/mark', () => {
  const markOf = async (exporter: Awaited<ReturnType<typeof start>>, number: number) => {
    const repo = exporter.state.reposByName('acme/group/shop')[0]?.key ?? 0;
    return exporter.state.markOf({ repo, number, tier })?.mark ?? null;
  };
  const url = `/deployments/acme/group/shop/7/mark?tier=${tier}`;

  it('marks a deployment of a repo whose name has slashes, and takes the mark back', async () => {
    const exporter = await start();
    await exporter.deploy(7, 'acme/group/shop');
    const put = await exporter.ask('PUT', url, {
      mark: 'failed',
      recovered: '2026-07-31T12:15:00+00:00',
      reason: 'Checkout failed',
    });
    expect([put.status, await put.json()]).toEqual([
      200,
      {
        repo: 'acme/group/shop',
        number: 7,
        tier,
        mark: 'failed',
        recovered: '2026-07-31T12:15:00Z',
        reason: 'Checkout failed',
        marked: '2026-07-31T12:20:50Z',
      },
    ]);
    const recoveredAt = Date.parse('2026-07-31T12:15:00Z') / 1000;
    expect(await markOf(exporter, 7)).toEqual({ kind: 'failed', recoveredAt });
    await exporter.ask('PUT', url.replace('acme/group', 'Acme%2Fgroup'), { mark: 'ignore' });
    expect(await markOf(exporter, 7)).toEqual({ kind: 'ignore' });
    expect((await exporter.ask('DELETE', url)).status).toBe(204);
    expect(await markOf(exporter, 7)).toBeNull();
    expect((await exporter.ask('DELETE', url)).status).toBe(204);
  });

  it('answers 404 for an unknown pipeline, 422 for what does not fit, 401 without the admin token', async () => {
    const exporter = await start();
    await exporter.deploy(7, 'acme/group/shop');
    const statusOf = async (method: string, path: string, body?: unknown, token?: string) =>
      (await exporter.ask(method, path, body, token)).status;
    expect(await statusOf('PUT', url.replace('/7/', '/8/'), { mark: 'fine' })).toBe(404);
    expect(await statusOf('DELETE', url.replace('/7/', '/8/'))).toBe(404);
    expect(await statusOf('PUT', url.replace('/7/', '/x/'), { mark: 'fine' })).toBe(404);
    expect(await statusOf('PUT', url.replace('/7/', `/${'9'.repeat(30)}/`), { mark: 'fine' })).toBe(404);
    expect(await statusOf('PUT', url.replace('/group', ''), { mark: 'fine' })).toBe(404);
    expect(await statusOf('PUT', url, { mark: 'fine', recovered: noon })).toBe(422);
    expect(await statusOf('PUT', url, { mark: 'ignore', recovered: noon })).toBe(422);
    expect(await statusOf('PUT', url, { mark: 'failed', recovered: noon + 301 })).toBe(422);
    expect(await statusOf('PUT', url, { mark: 'broken' })).toBe(422);
    expect(await statusOf('PUT', url, { mark: 'fine', note: 'x' })).toBe(422);
    expect(await statusOf('PUT', url.replace(/\?.*/, ''), { mark: 'fine' })).toBe(422);
    expect(await statusOf('PUT', url, { mark: 'fine' }, webhookSecret)).toBe(401);
    expect(await statusOf('DELETE', url, undefined, incidentSecret)).toBe(401);
    expect(await statusOf('POST', url, { mark: 'fine' })).toBe(405);
    expect(await markOf(exporter, 7)).toBeNull();
  });

  it('is taken for a pipeline that is no deployment in the tier, where it has no effect', async () => {
    const exporter = await start();
    await exporter.receive(fixture('v3.17.0-event.json'));
    const [pipeline] = await exporter.pipelines();
    const path = `/deployments/acme/shop/${pipeline?.record.number}/mark?tier=nowhere`;
    const before = exporter.shown('acme/shop', tier);
    expect((await exporter.ask('PUT', path, { mark: 'failed' })).status).toBe(200);
    expect(exporter.shown('acme/shop', tier)).toEqual(before);
  });
});

import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AppDependencies } from '../../src/http/app.ts';
import { StoreUnavailable } from '../../src/ingest/ingest.ts';
import type { BackfillSummary } from '../../src/sources/backfill.ts';
import { fixtureText } from '../support/fixtures.ts';
import { aPolicy } from '../support/records.ts';
import {
  adminToken,
  createSmallExporter,
  incidentSecret,
  noon,
  webhookSecret,
} from '../support/small-exporter.ts';

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
const day = 86_400;
const explainQuery = 'repo=acme/shop&tier=production&window=30d';

const summary: BackfillSummary = {
  id: 'b1',
  state: 'done',
  started: '2026-07-31T12:20:50.000Z',
  finished: null,
  dry_run: false,
  repos: 2,
  pipelines: { scanned: 90, stored: 50, duplicate: 30, ignored: 10 },
  errors: [{ repo: 'acme/broken', message: 'Woodpecker answered 500' }],
};
const backfill: AppDependencies['backfill'] = {
  start: async ({ repos }) =>
    repos ? { ok: false, runningId: 'b1' } : { ok: true, id: 'b1', done: Promise.resolve(summary) },
  list: async () => [summary],
  get: async (id) => (id === 'b1' ? summary : null),
  running: null,
};

async function createApp(overrides: Partial<AppDependencies> = {}) {
  const exporter = await createSmallExporter({ policy, metricsToken: 'reader' });
  for (const [number, status, at] of [
    [1, 'failure', noon - 3 * day],
    [2, 'success', noon - 2 * day],
    [3, 'killed', noon - day],
    [4, 'failure', noon - 60],
  ]) {
    const told = { event: 'deployment', deploy_to: 'production', commit: `c${number}` };
    await exporter.receive({
      repo: 'acme/shop',
      number,
      status,
      finished: at,
      commit_time: noon - 9 * day,
      ...told,
    });
  }
  return exporter.app({ backfill, ...overrides });
}

const reader = { authorization: 'Bearer reader' };
const admin = { authorization: `Bearer ${adminToken}` };
const sender = { authorization: `Bearer ${webhookSecret}` };
const pager = { authorization: `Bearer ${incidentSecret}` };
const anIncident = { id: 'INC-1', repo: 'acme/shop', tier: 'production', started: noon - 60 };
const anAlert = {
  status: 'resolved',
  labels: { alertname: 'Down', dora_repo: 'acme/shop', dora_tier: 'production' },
  annotations: { summary: 'Checkout fails' },
  startsAt: '2026-07-31T12:00:00.5Z',
  endsAt: '2026-07-31T12:10:00+00:00',
  generatorURL: 'https://prometheus.example.com/graph',
  fingerprint: 'c0ffee',
};
const markPath = '/deployments/{repo}/{number}/mark';
const markUrl = '/deployments/acme/shop/1/mark?tier=production';
const broken = async () => {
  throw new StoreUnavailable('Disk is full');
};
const unusedApi: AppDependencies['api'] = {
  projection: { prepared: async () => ({ series: [], tiers: [] }) },
  explain: async () => null,
  history: async () => null,
  overview: broken,
  pastFigures: broken,
  listIncidents: async () => ({ incidents: [], others: 0 }),
  policy,
  nowSeconds: () => noon,
  stateVersion: () => 0,
};

describe('GET /api/openapi.json', () => {
  let description: Description;
  let app: Awaited<ReturnType<typeof createApp>>;
  let ajv: Ajv2020;

  beforeAll(async () => {
    app = await createApp();
    description = (await (await app.request('/api/openapi.json', { headers: reader })).json()) as Description;
    ajv = new Ajv2020({ strict: false, allErrors: true });
    ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    // `$ref: '#/components/…'` is read from the root of the whole description.
    ajv.addSchema({ $id: 'openapi', components: description.components });
  });

  const compile = (schema: object): ValidateFunction =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')));

  it('is a valid OpenAPI 3.1 description', async () => {
    const { valid, errors } = await new Validator().validate(structuredClone({ ...description }));
    expect({ valid, errors: errors ?? null }).toEqual({ valid: true, errors: null });
    expect(description.openapi).toMatch(/^3\.1\./);
  });

  it('tells of every route and method that is served, and of no other', async () => {
    const routes = (await createApp()).routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)(\{[^}]+\})?/g, '{$1}')}`);
    const told = Object.entries(description.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    expect(told.sort()).toEqual([...new Set(routes)].sort());
  });

  const json = 'application/json';
  const problem = 'application/problem+json';
  const get = (url: string, headers: Record<string, string> = reader) => ({ method: 'GET', url, headers });
  const remove = (url: string, headers: Record<string, string>) => ({ method: 'DELETE', url, headers });
  const put = (body: string, headers: Record<string, string> = admin) => ({
    method: 'PUT',
    url: markUrl,
    headers,
    body,
  });
  const post = (url: string, body: string, headers: Record<string, string>) => ({
    method: 'POST',
    url,
    headers,
    body,
  });
  const unusable: Partial<AppDependencies> = {
    backfill: { ...backfill, list: broken, get: broken, start: broken },
    webhook: { receive: broken },
    incidents: { receive: broken, withdraw: broken, mark: broken, unmark: broken },
    api: { ...unusedApi, history: broken, listIncidents: broken },
  };

  it.each<[string, number, string, ReturnType<typeof get> & { body?: string }, Partial<AppDependencies>?]>([
    ['/', 200, 'text/html; charset=utf-8', get('/')],
    ['/', 401, problem, get('/', {})],
    ['/', 200, 'text/html; charset=utf-8', get('/?window=7d&tier=production&repo=sh&sort=-repo&at=1d')],
    ['/', 404, problem, get('/?tier=x')],
    ['/', 422, problem, get('/?window=x')],
    ['/', 503, problem, get('/'), unusable],
    ['/operations', 200, 'text/html; charset=utf-8', get('/operations')],
    ['/operations', 401, problem, get('/operations', {})],
    ['/page.js', 200, 'text/javascript; charset=utf-8', get('/page.js', {})],
    ['/metrics', 200, 'text/plain; version=0.0.4; charset=utf-8', get('/metrics')],
    ['/metrics', 401, problem, get('/metrics', {})],
    ['/explain', 200, 'text/html; charset=utf-8', get(`/explain?${explainQuery}`)],
    ['/explain', 200, 'text/html; charset=utf-8', get('/explain?repo=acme/shop&tier=production')],
    ['/explain', 401, problem, get('/explain', {})],
    ['/explain', 404, problem, get('/explain?repo=x&tier=y&window=7d')],
    ['/explain', 422, problem, get('/explain')],
    ['/api/explain', 200, json, get(`/api/explain?${explainQuery}`)],
    ['/api/explain', 200, json, get(`/api/explain?${explainQuery}&limit=1`)],
    ['/api/explain', 200, json, get('/api/explain?repo=acme/shop&tier=production')],
    ['/api/explain', 401, problem, get('/api/explain', {})],
    ['/api/explain', 404, problem, get('/api/explain?repo=x&tier=y&window=7d')],
    ['/api/explain', 422, problem, get('/api/explain?window=x')],
    ['/api/dora', 200, json, get('/api/dora?window=30d')],
    ['/api/dora', 200, json, get('/api/dora?window=30d&at=1d')],
    ['/api/dora', 503, problem, get('/api/dora?window=30d&at=1d'), unusable],
    ['/api/explain', 200, json, get(`/api/explain?${explainQuery}&show=failed`)],
    ['/api/dora', 401, problem, get('/api/dora', {})],
    ['/api/dora', 404, problem, get('/api/dora?window=30d&repo=x')],
    ['/api/dora', 422, problem, get('/api/dora?window=x')],
    ['/api/history', 200, json, get('/api/history?tier=production&window=7d')],
    ['/api/history', 200, json, get('/api/history?tier=production&repo=acme/shop&from=3d&to=1d&step=12h')],
    ['/api/history', 401, problem, get('/api/history', {})],
    ['/api/history', 404, problem, get('/api/history?tier=x')],
    ['/api/history', 422, problem, get('/api/history?tier=production&step=0')],
    ['/api/history', 503, problem, get('/api/history?tier=production'), unusable],
    ['/api/openapi.json', 200, json, get('/api/openapi.json')],
    ['/api/openapi.json', 401, problem, get('/api/openapi.json', {})],
    ['/webhook', 202, json, post('/webhook', fixtureText('v3.17.0-event.json'), sender)],
    ['/webhook', 202, json, post('/webhook', fixtureText('drone-webhook.json'), sender)],
    ['/webhook', 400, problem, post('/webhook', '{', sender)],
    ['/webhook', 401, problem, post('/webhook', '{', {})],
    ['/webhook', 413, problem, post('/webhook', ' '.repeat(1024 * 1024 + 1), sender)],
    ['/webhook', 422, problem, post('/webhook', '{}', sender)],
    ['/webhook', 503, problem, post('/webhook', '{}', sender), unusable],
    ['/api/incidents', 200, json, get('/api/incidents?repo=acme/shop&open=true&limit=5')],
    ['/api/incidents', 401, problem, get('/api/incidents', {})],
    ['/api/incidents', 422, problem, get('/api/incidents?limit=0')],
    ['/api/incidents', 503, problem, get('/api/incidents'), unusable],
    ['/incidents', 202, json, post('/incidents', JSON.stringify(anIncident), pager)],
    ['/incidents', 202, json, post('/incidents', JSON.stringify({ alerts: [anAlert] }), pager)],
    ['/incidents', 400, problem, post('/incidents', '{', pager)],
    ['/incidents', 401, problem, post('/incidents', '{', {})],
    ['/incidents', 413, problem, post('/incidents', ' '.repeat(1024 * 1024 + 1), pager)],
    ['/incidents', 415, problem, post('/incidents', '{}', { ...pager, 'content-encoding': 'gzip' })],
    ['/incidents', 422, problem, post('/incidents', '{}', pager)],
    ['/incidents', 503, problem, post('/incidents', '{}', pager), unusable],
    ['/incidents/{id}', 401, problem, remove('/incidents/INC-1', {})],
    ['/incidents/{id}', 404, problem, remove('/incidents/INC-2', admin)],
    ['/incidents/{id}', 503, problem, remove('/incidents/INC-1', admin), unusable],
    [markPath, 200, json, put('{"mark": "failed", "recovered": "2026-07-31T12:00:00Z"}')],
    [markPath, 400, problem, put('{')],
    [markPath, 401, problem, put('{}', {})],
    [markPath, 404, problem, { ...put('{"mark": "fine"}'), url: '/deployments/acme/api/1/mark?tier=x' }],
    [markPath, 413, problem, put(' '.repeat(64 * 1024 + 1))],
    [markPath, 415, problem, put('{}', { ...admin, 'content-encoding': 'gzip' })],
    [markPath, 422, problem, put('{"mark": "fine", "recovered": 1785500000}')],
    [markPath, 503, problem, put('{"mark": "fine"}'), unusable],
    [markPath, 401, problem, remove(markUrl, {})],
    [markPath, 404, problem, remove('/deployments/acme/api/1/mark?tier=x', admin)],
    [markPath, 422, problem, remove('/deployments/acme/shop/1/mark', admin)],
    [markPath, 503, problem, remove(markUrl, admin), unusable],
    ['/backfill', 200, json, get('/backfill', admin)],
    ['/backfill', 401, problem, get('/backfill', {})],
    ['/backfill', 503, problem, get('/backfill', admin), unusable],
    ['/backfill', 202, json, post('/backfill', '{"since": "7d"}', admin)],
    ['/backfill', 200, json, post('/backfill?wait=true', '', admin)],
    ['/backfill', 400, problem, post('/backfill', '{', admin)],
    ['/backfill', 409, problem, post('/backfill', '{"repos": ["acme/*"]}', admin)],
    ['/backfill', 413, problem, post('/backfill', ' '.repeat(64 * 1024 + 1), admin)],
    ['/backfill', 422, problem, post('/backfill', '{"since": 3}', admin)],
    ['/backfill', 503, problem, post('/backfill', '', admin), unusable],
    ['/backfill/{id}', 200, json, get('/backfill/b1', admin)],
    ['/backfill/{id}', 401, problem, get('/backfill/b1', {})],
    ['/backfill/{id}', 404, problem, get('/backfill/b2', admin)],
    ['/backfill/{id}', 503, problem, get('/backfill/b1', admin), unusable],
    ['/healthz', 200, 'text/plain; charset=utf-8', get('/healthz', {})],
    ['/-/healthy', 200, 'text/plain; charset=utf-8', get('/-/healthy', {})],
    ['/readyz', 200, 'text/plain; charset=utf-8', get('/readyz', {})],
    [
      '/-/ready',
      503,
      'text/plain; charset=utf-8',
      get('/-/ready', {}),
      { notReady: async () => 'Catching up' },
    ],
  ])(
    'describes what %s answers with %i',
    async (path, status, type, { method, url, headers, body }, overrides) => {
      const served = overrides ? await createApp(overrides) : app;
      const response = await served.request(url, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      expect([response.status, response.headers.get('content-type')]).toEqual([status, type]);
      const operation = description.paths[path]?.[method.toLowerCase()];
      const schema = operation?.responses[status]?.content?.[type]?.schema;
      if (!schema) throw new Error(`${method} ${path} tells of no ${status} with ${type}`);
      if (!type.endsWith('json')) return;
      const validate = compile(schema);
      validate(await response.json());
      expect(validate.errors ?? []).toEqual([]);
    },
  );

  it('describes the bodies that are taken, and refuses what is refused', () => {
    const taken = (path: string, body: unknown, method = 'post') => {
      const operation = description.paths[path]?.[method];
      const schema = operation?.requestBody?.content[json]?.schema;
      return schema !== undefined && compile(schema)(body) === true;
    };
    for (const name of ['v2.8.3-event.json', 'v3.17.0-event.json', 'drone-webhook.json']) {
      expect([name, taken('/webhook', JSON.parse(fixtureText(name)))]).toEqual([name, true]);
    }
    expect(taken('/webhook', { repo: 'acme/shop', number: '12', finished: '' })).toBe(true);
    expect(taken('/webhook', { repo: 'shop', number: 12 })).toBe(false);
    expect(taken('/webhook', {})).toBe(false);
    expect(taken('/incidents', anIncident)).toBe(true);
    expect(taken('/incidents', { alerts: [anAlert] })).toBe(true);
    expect(taken('/incidents', { alerts: [] })).toBe(false);
    expect(taken('/incidents', {})).toBe(false);
    expect(taken(markPath, { mark: 'failed', recovered: noon, reason: 'Pager' }, 'put')).toBe(true);
    expect(taken(markPath, { mark: 'wrong' }, 'put')).toBe(false);
    expect(taken('/backfill', { since: '7d', until: null, repos: ['acme/*'], dry_run: true })).toBe(true);
    expect(taken('/backfill', { since: 7 })).toBe(false);
    expect(taken('/backfill', { sinc: '7d' })).toBe(false);
  });

  it('names the windows of the policy, and every parameter that is taken', () => {
    const parameters = description.paths['/api/explain']?.['get']?.parameters ?? [];
    expect(parameters.map(({ name }) => name)).toEqual([
      ...['repo', 'tier', 'window', 'at', 'show', 'limit', 'before'],
    ]);
    expect(parameters.find(({ name }) => name === 'window')).toMatchObject({
      required: false,
      schema: { enum: ['7d', '30d', '90d'], default: '7d' },
    });
    for (const parameter of parameters) expect(parameter).toHaveProperty('description', expect.any(String));
  });
});

import { createHmac } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/ingest/ingest.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { fixtureText } from '../support/fixtures.ts';
import { problemOf } from '../support/problem.ts';
import {
  adminToken,
  createSmallExporter,
  noon,
  type SmallExporter,
  webhookSecret,
} from '../support/small-exporter.ts';

type App = ReturnType<SmallExporter['app']>;
type HeaderValues = Readonly<Record<string, string>>;

const authorized = { authorization: `Bearer ${webhookSecret}` };
const event = fixtureText('v3.17.0-event.json');
const largest = 1024 * 1024;
const signatureOf = (body: string, secret = webhookSecret) =>
  `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
const standardWebhook = {
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(noon),
  'webhook-signature': `v1,${createHmac('sha256', webhookSecret).update(`msg_1.${noon}.${event}`).digest('base64')}`,
};
/** Headers with a signature of the right form that no secret has made. */
const unsigned = { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
const gzip = { 'content-encoding': 'gzip' };
/** What is shown to whoever may look, and what of it cannot be without saying more. */
const shown = ['/metrics', '/', '/operations', '/api/openapi.json', '/api/dora?window=30d'];
const explaining = ['/explain', '/api/explain', '/api/history'];

async function createApp(): Promise<App> {
  return (await createSmallExporter()).app();
}

function post(app: App, body: string | Uint8Array | ReadableStream, headers: HeaderValues = authorized) {
  return app.request('/webhook', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
}

/** A body that comes in pieces of 64 KiB, far more of them than are allowed, and what became of it. */
function longBody() {
  const seen = { pieces: 0, isCanceled: false };
  const stream = new ReadableStream(
    {
      pull(controller) {
        seen.pieces++;
        if (seen.pieces > 64) controller.close();
        else controller.enqueue(Buffer.alloc(64 * 1024, ' '));
      },
      cancel() {
        seen.isCanceled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { seen, stream };
}

describe('POST /webhook', () => {
  it.each([
    ['as a bearer token', authorized],
    ['as X-Hub-Signature-256', { 'X-Hub-Signature-256': signatureOf(event) }],
    ['as X-Drone-Signature', { 'X-Drone-Signature': signatureOf(event) }],
    ['as Standard Webhooks', standardWebhook],
  ])('takes an event whose secret comes %s', async (_, headers) => {
    const exporter = await createSmallExporter();
    const response = await post(exporter.app(), event, headers);
    expect(response.status).toBe(202);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ result: 'stored' });
    expect((await exporter.pipelines()).length).toBe(1);
  });

  it('takes any of several secrets, so that they can be rotated', async () => {
    const exporter = await createSmallExporter();
    const app = exporter.app({ webhookSecrets: ['old-secret', 'new-secret'] });
    for (const [secret, status] of [
      ['old-secret', 202],
      ['new-secret', 202],
      [webhookSecret, 401],
      ['old-secret new-secret', 401],
    ] as const) {
      expect((await post(app, event, { authorization: `Bearer ${secret}` })).status).toBe(status);
      const headers = { 'X-Hub-Signature-256': signatureOf(event, secret) };
      expect((await post(app, event, headers)).status).toBe(status);
    }
  });

  it('takes a signature again while it is young, as a duplicate, and not when it is old', async () => {
    const exporter = await createSmallExporter();
    const app = exporter.app();
    expect(await (await post(app, event, standardWebhook)).json()).toEqual({ result: 'stored' });
    exporter.clock.advance(300);
    expect(await (await post(app, event, standardWebhook)).json()).toEqual({ result: 'duplicate' });
    exporter.clock.advance(1);
    expect((await post(app, event, standardWebhook)).status).toBe(401);
  });

  it('ends its answer with a newline, as a terminal likes it', async () => {
    const exporter = await createSmallExporter();
    const response = await post(exporter.app(), event);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.text()).toBe('{"result":"stored"}\n');
  });

  it('does not mind the content type, only the bytes', async () => {
    const app = await createApp();
    for (const type of ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'nonsense']) {
      expect((await post(app, event, { ...authorized, 'content-type': type })).status).toBe(202);
    }
  });

  it('says why it ignores', async () => {
    const response = await post(await createApp(), fixtureText('drone-webhook.json'));
    expect([response.status, await response.json()]).toEqual([
      202,
      { result: 'ignored', reason: 'unverifiable' },
    ]);
  });

  it.each<[string, Buffer | string, HeaderValues, number]>([
    ['secret before size', event, { 'content-length': String(largest + 1) }, 401],
    ['encoding before size', event, { ...unsigned, ...gzip, 'content-length': String(largest + 1) }, 415],
    ['size before signature', event, { ...unsigned, 'content-length': String(largest + 1) }, 413],
    ['signature before JSON', '{', unsigned, 401],
    ['JSON before schema', '{', authorized, 400],
    ['schema', '{}', authorized, 422],
    ['nothing', event, authorized, 202],
  ])('is stopped first by %s', async (_, body, headers, status) => {
    expect((await post(await createApp(), body, headers)).status).toBe(status);
  });

  it.each<[string, Buffer | string]>([
    ['nothing', ''],
    ['text', 'repo=acme/shop'],
    ['half of an event', event.slice(0, 200)],
    ['two events', event + event],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('{"repo":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]),
    ],
    ['UTF-16', Buffer.from(event, 'utf16le')],
    ['brackets without end', '['.repeat(100_000)],
  ])('answers 400 to %s', async (_, body) => {
    const exporter = await createSmallExporter();
    const response = await post(exporter.app(), body);
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toEqual({ detail: 'Body is not JSON' });
    expect(exporter.events).toEqual(['webhook rejected']);
  });

  it('answers 401 with how to do better, and nothing of what was wrong', async () => {
    const exporter = await createSmallExporter();
    const response = await post(exporter.app(), event, { authorization: 'Bearer wrong-secret' });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await problemOf(response)).toEqual({
      detail: 'Expected the webhook secret as a bearer token, or a signature made with it',
    });
    expect(exporter.events).toEqual(['webhook rejected']);
    expect(await exporter.pipelines()).toEqual([]);
  });

  it('answers 422 with every mistake', async () => {
    const exporter = await createSmallExporter();
    const response = await post(exporter.app(), JSON.stringify({ repo: 'shop', number: 0 }));
    expect(response.status).toBe(422);
    const { errors, ...rest } = await problemOf(response);
    expect(rest).toEqual({ detail: 'Body is not as expected' });
    expect(errors?.map(({ path }) => path)).toEqual(['repo', 'number']);
    expect(exporter.events).toEqual(['webhook rejected']);
  });

  it.each([
    ['', (many: string) => many],
    [' further down', (many: string) => `[{"children":${many}}]`],
  ])('answers 422 in few words to a body that is wrong in very many places%s', async (_, workflowsOf) => {
    const workflows = workflowsOf(`[${'1,'.repeat(400_000)}1]`);
    const body = `{"repo":{"full_name":"a/b"},"pipeline":{"number":1,"workflows":${workflows}}}`;
    const response = await post(await createApp(), body);
    expect(response.status).toBe(422);
    expect((await response.arrayBuffer()).byteLength).toBeLessThan(100_000);
  });

  it.each<[string, HeaderValues]>([
    ['no secret', {}],
    ['a wrong secret', { authorization: 'Bearer wrong-secret' }],
    ['a signature that is none', { 'x-hub-signature-256': 'sha256=0' }],
  ])('answers 401 to a request with %s, and reads nothing of its body', async (_, headers) => {
    const exporter = await createSmallExporter();
    for (const announced of [{}, { 'content-length': '1048576' }]) {
      const { seen, stream } = longBody();
      const response = await post(exporter.app(), stream, { ...headers, ...announced });
      expect(response.status).toBe(401);
      expect(seen.pieces).toBe(0);
    }
    expect(exporter.events).toEqual(['webhook rejected', 'webhook rejected']);
  });

  it('answers 415 to a compressed body, says which one it takes, and reads nothing of it', async () => {
    const exporter = await createSmallExporter();
    for (const encoding of ['gzip', 'GZIP', 'x-gzip', 'br', 'identity, gzip']) {
      const { seen, stream } = longBody();
      const response = await post(exporter.app(), stream, { ...authorized, 'content-encoding': encoding });
      expect(response.status).toBe(415);
      expect(response.headers.get('accept-encoding')).toBe('identity');
      expect(await problemOf(response)).toEqual({
        detail: 'Body is compressed, expected one without Content-Encoding',
      });
      expect(seen.pieces).toBe(0);
    }
    const identity = { ...authorized, 'content-encoding': 'identity' };
    expect((await post(exporter.app(), event, identity)).status).toBe(202);
  });

  it('answers 413 to what is announced as too large, and reads nothing of it', async () => {
    const exporter = await createSmallExporter();
    const { seen, stream } = longBody();
    const headers = { ...authorized, 'content-length': String(largest + 1) };
    const response = await post(exporter.app(), stream, headers);
    expect(response.status).toBe(413);
    expect(response.headers.get('connection')).toBe('close');
    expect(await problemOf(response)).toEqual({ detail: 'Body is larger than 1048576 bytes' });
    expect(seen.pieces).toBe(0);
    expect(exporter.events).toEqual(['webhook rejected']);
  });

  it('answers 413 to what turns out to be too large, and reads no further', async () => {
    const { seen, stream } = longBody();
    const response = await post(await createApp(), stream);
    expect(response.status).toBe(413);
    expect(seen).toEqual({ pieces: 17, isCanceled: true });
  });

  it('takes a body of just the largest size', async () => {
    const app = await createApp();
    const pieces = (bytes: number) => Buffer.from(event.padEnd(bytes, ' '));
    expect((await post(app, pieces(largest))).status).toBe(202);
    expect((await post(app, pieces(largest + 1))).status).toBe(413);
    const announced = { ...authorized, 'content-length': String(largest) };
    expect((await post(app, pieces(largest), announced)).status).toBe(202);
  });

  it('is not the exporter’s fault when a body breaks off', async () => {
    const exporter = await createSmallExporter();
    const brokenOff = () =>
      new ReadableStream({
        pull(controller) {
          controller.error(new Error('aborted'));
        },
      });
    for (const headers of [authorized, { ...authorized, 'content-length': '100' }]) {
      const { status } = await post(exporter.app(), brokenOff(), headers);
      expect([Math.floor(status / 100), exporter.faults]).toEqual([4, []]);
    }
  });

  it('answers 503 while the store cannot commit, and takes the same body afterwards', async () => {
    const store = openMemoryStore();
    let isFull = false;
    const exporter = await createSmallExporter({
      store: {
        close: () => store.close(),
        transact: (work) =>
          isFull
            ? Promise.reject(
                new StoreUnavailable('Disk is full at /var/lib/dora', { cause: new Error('ENOSPC') }),
              )
            : store.transact(work),
      },
    });
    const app = exporter.app();
    isFull = true;
    const response = await post(app, event);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await problemOf(response)).toEqual({ detail: 'The store cannot be written now' });
    isFull = false;
    expect(await (await post(app, event)).json()).toEqual({ result: 'stored' });
  });

  it('acknowledges nothing before the store has committed it', async () => {
    const store = openMemoryStore();
    const commit = Promise.withResolvers<void>();
    let isSlow = false;
    const exporter = await createSmallExporter({
      store: {
        close: () => store.close(),
        async transact(work) {
          const result = await store.transact(work);
          if (isSlow) await commit.promise;
          return result;
        },
      },
    });
    const app = exporter.app();
    isSlow = true;
    let hasAnswered = false;
    const answering = Promise.resolve(post(app, event)).then((response) => {
      hasAnswered = true;
      return response;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(hasAnswered).toBe(false);
    commit.resolve();
    expect((await answering).status).toBe(202);
  });

  it('tells nothing of the inside where the unexpected happens, but logs it', async () => {
    const exporter = await createSmallExporter();
    const app = exporter.app({
      webhook: { receive: () => Promise.reject(new Error('column "pasword" is unknown')) },
    });
    const response = await post(app, event);
    expect(response.status).toBe(500);
    expect(await problemOf(response)).toEqual({});
    expect(exporter.lines.join()).toContain('column');
  });
});

describe('routes', () => {
  const health = ['/healthz', '/-/healthy', '/readyz', '/-/ready'];

  it.each<[string, string]>([
    ...[...health, ...shown, ...explaining].map((path): [string, string] => [path, 'GET, HEAD']),
    ['/webhook', 'POST'],
    ['/backfill', 'GET, HEAD, POST'],
    ['/backfill/1', 'GET, HEAD'],
  ])('%s refuses other methods than %s with 405', async (path, allowed) => {
    const app = await createApp();
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']) {
      if (allowed.split(', ').includes(method)) continue;
      const response = await app.request(path, { method, headers: authorized });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allowed);
      if (method !== 'HEAD') await problemOf(response);
    }
  });

  it.each([
    '/nothing',
    '/metrics/',
    '/webhook/x',
    '/Webhook',
    '/backfill/1/2',
    '/healthz/x',
    '/%zz',
    '//metrics',
  ])('%s is not found', async (path) => {
    const app = await createApp();
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await app.request(`http://localhost${path}`, { method });
      expect(response.status).toBe(404);
      expect(await problemOf(response)).toEqual({});
    }
  });

  it.each([...health, ...shown])('HEAD %s is answered as GET, without a body', async (path) => {
    const app = await createApp();
    const [head, get] = [await app.request(path, { method: 'HEAD' }), await app.request(path)];
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    expect((await get.text()).length).toBeGreaterThan(0);
  });

  it('have errors without a stack, whoever provokes them', async () => {
    const app = await createApp();
    const answers = [
      await app.request('/nothing'),
      await app.request('/metrics', { method: 'POST' }),
      await post(app, '{', {}),
      await post(app, '{'),
      await post(app, '{}'),
    ];
    for (const answer of answers) {
      const text = await answer.text();
      expect(text).not.toMatch(/\bat \S+:\d|node_modules|\.ts\b/);
      expect(text).not.toContain(webhookSecret);
    }
  });

  it('on one address of two are those that take in, or those that show', async () => {
    const exporter = await createSmallExporter();
    const statusOf = async (side: 'intake' | 'metrics', path: string, method = 'GET') =>
      (await exporter.app({}, side).request(path, { method })).status;
    for (const path of health) {
      expect([await statusOf('intake', path), await statusOf('metrics', path)]).toEqual([200, 200]);
    }
    for (const path of explaining) {
      expect([await statusOf('intake', path), await statusOf('metrics', path)]).toEqual([404, 422]);
    }
    for (const path of shown) {
      expect([await statusOf('intake', path), await statusOf('metrics', path)]).toEqual([404, 200]);
    }
    for (const [path, method] of [
      ['/webhook', 'POST'],
      ['/backfill', 'POST'],
      ['/backfill', 'GET'],
      ['/backfill/1', 'GET'],
    ] as const) {
      expect([await statusOf('intake', path, method), await statusOf('metrics', path, method)]).toEqual([
        401, 404,
      ]);
    }
  });
});

describe('health', () => {
  it('is well while the process can answer, even where it is not ready', async () => {
    const exporter = await createSmallExporter();
    const app = exporter.app({ notReady: async () => 'Catching up' });
    for (const path of ['/healthz', '/-/healthy']) {
      const response = await app.request(path);
      expect([response.status, await response.text()]).toEqual([200, 'OK\n']);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    }
  });

  it('is ready, or says why not', async () => {
    const exporter = await createSmallExporter();
    let reason: string | null = 'Catching up with Woodpecker: 3 repos gone through so far';
    const app = exporter.app({ notReady: async () => reason });
    for (const path of ['/readyz', '/-/ready']) {
      reason = 'Catching up with Woodpecker: 3 repos gone through so far';
      const response = await app.request(path);
      expect([response.status, await response.text()]).toEqual([503, `${reason}\n`]);
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
      reason = null;
      const later = await app.request(path);
      expect([later.status, await later.text()]).toEqual([200, 'OK\n']);
    }
  });
});

describe('who may look', () => {
  const basic = (user: string, password: string) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  });

  it.each(shown)('at %s is everybody where there is no token', async (path) => {
    const app = await createApp();
    expect((await app.request(path)).status).toBe(200);
    expect((await app.request(path, { headers: { authorization: 'Bearer whatever' } })).status).toBe(200);
  });

  it.each(shown)('at %s is who has the token, as bearer or as password', async (path) => {
    const app = (await createSmallExporter({ metricsToken: 'metrics-token' })).app();
    const statusWith = async (headers: HeaderValues) => (await app.request(path, { headers })).status;
    expect(await statusWith({ authorization: 'Bearer metrics-token' })).toBe(200);
    expect(await statusWith(basic('prometheus', 'metrics-token'))).toBe(200);
    expect(await statusWith(basic('', 'metrics-token'))).toBe(200);
    expect(await statusWith({})).toBe(401);
    expect(await statusWith(authorized)).toBe(401);
    expect(await statusWith({ authorization: `Bearer ${adminToken}` })).toBe(401);
    expect(await statusWith(basic('metrics-token', 'wrong'))).toBe(401);
    const refused = await app.request(path);
    // Basic, so that a browser asks for the password.
    expect(refused.headers.get('www-authenticate')).toBe('Basic realm="woodpecker-dora-exporter"');
    expect(await problemOf(refused)).toEqual({
      detail:
        'Expected the metrics token as password of HTTP Basic, with any user name, or as a bearer token',
    });
  });

  it.each(explaining)('at %s is who has the token, before anything else is looked at', async (path) => {
    const app = (await createSmallExporter({ metricsToken: 'metrics-token' })).app();
    const headers = { authorization: 'Bearer metrics-token' };
    expect((await app.request(path)).status).toBe(401);
    expect((await app.request(path, { headers })).status).toBe(422);
  });

  it('at health is everybody always', async () => {
    const app = (await createSmallExporter({ metricsToken: 'metrics-token' })).app();
    for (const path of ['/healthz', '/readyz']) expect((await app.request(path)).status).toBe(200);
  });

  it('at backfills is who has the admin token, as bearer only', async () => {
    const app = (await createSmallExporter({ metricsToken: 'metrics-token' })).app();
    const statusWith = async (headers: HeaderValues) => (await app.request('/backfill', { headers })).status;
    expect(await statusWith({ authorization: `Bearer ${adminToken}` })).toBe(200);
    for (const headers of [
      {},
      authorized,
      basic('x', adminToken),
      { authorization: 'Bearer metrics-token' },
    ]) {
      expect(await statusWith(headers)).toBe(401);
    }
    const refused = await app.request('/backfill', { method: 'POST', body: 'x'.repeat(100_000) });
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(await problemOf(refused)).toMatchObject({ detail: 'Expected the admin token as a bearer token' });
  });
});

describe('GET /metrics', () => {
  const figures = (text: string) => text.split('\n').filter((line) => line.startsWith('dora_deploy'));

  it('says in which format it is', async () => {
    const response = await (await createApp()).request('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.headers.get('vary')).toBe('accept-encoding');
  });

  it.each([
    ['gzip', true],
    ['GZIP', true],
    ['gzip, deflate, br', true],
    ['deflate;q=0.5, gzip;q=0.7', true],
    ['gzip;q=1.0', true],
    ['gzip;q=0.001', true],
    ['identity', false],
    ['br, deflate', false],
    ['gzip;q=0', false],
    ['gzip; q=0.0', false],
    ['gzip;q=0.000, identity', false],
    ['identity, gzip ; q=0 , br', false],
    ['', false],
  ])('answers to Accept-Encoding "%s" with gzip: %s', async (accepted, isZipped) => {
    const exporter = await createSmallExporter();
    await exporter.receive(JSON.parse(event));
    const response = await exporter.app().request('/metrics', { headers: { 'accept-encoding': accepted } });
    expect(response.headers.get('content-encoding')).toBe(isZipped ? 'gzip' : null);
    expect(response.headers.get('vary')).toBe('accept-encoding');
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = (isZipped ? gunzipSync(bytes) : bytes).toString('utf8');
    expect(figures(text)).toContain('dora_deployments_total{repo="acme/shop",tier="unassigned"} 1');
  });

  it('shows a webhook that has been answered', async () => {
    const app = await createApp();
    const text = async () => figures(await (await app.request('/metrics')).text());
    expect(await text()).toEqual([]);
    await post(app, event);
    expect((await text()).slice(0, 3)).toEqual([
      'dora_deployments_total{repo="acme/shop",tier="unassigned"} 1',
      'dora_deployment_failures_total{repo="acme/shop",tier="unassigned"} 0',
      'dora_deployment_failures_by_cause_total{repo="acme/shop",tier="unassigned",cause="pipeline"} 0',
    ]);
    expect(await text()).toContain(
      'dora_deployment_last_success_timestamp{repo="acme/shop",tier="unassigned"} 1785500390',
    );
  });

  it('counts what came in and what was rejected', async () => {
    const app = await createApp();
    for (const body of [event, event, '{', '{}', fixtureText('drone-webhook.json')]) await post(app, body);
    const lines = (await (await app.request('/metrics')).text()).split('\n');
    for (const [result, count] of [
      ['stored', 1],
      ['duplicate', 1],
      ['ignored', 1],
      ['rejected', 2],
      ['stale', 0],
    ]) {
      expect(lines).toContain(`dora_exporter_events_total{source="webhook",result="${result}"} ${count}`);
    }
  });
});

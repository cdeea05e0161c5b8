import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/ingest/ingest.ts';
import {
  type Backfill,
  type BackfillRequest,
  type BackfillSummary,
  noBackfill,
} from '../../src/sources/backfill.ts';
import { problemOf } from '../support/problem.ts';
import { adminToken, createSmallExporter, noon } from '../support/small-exporter.ts';

const aSummary = (overrides: Partial<BackfillSummary> = {}): BackfillSummary => ({
  id: 'b1',
  state: 'running',
  started: '2026-07-31T12:20:50.000Z',
  finished: null,
  dry_run: false,
  repos: 0,
  pipelines: { scanned: 0, stored: 0, duplicate: 0, ignored: 0 },
  errors: [],
  ...overrides,
});

const done = aSummary({
  state: 'done',
  finished: '2026-07-31T12:21:50.000Z',
  repos: 2,
  pipelines: { scanned: 9, stored: 5, duplicate: 3, ignored: 1 },
  errors: [{ repo: 'acme/broken', message: 'Woodpecker answered 500 to /api/repos/9/pipelines' }],
});

/** An app around a backfill made by hand, and what that was asked for. */
async function createRoutes(overrides: Partial<Backfill> = {}) {
  const requests: BackfillRequest[] = [];
  const backfill: Backfill = {
    running: null,
    async start(request) {
      requests.push(request);
      return { ok: true, id: 'b1', done: Promise.resolve(done) };
    },
    list: async () => [aSummary({ id: 'b2' }), done],
    get: async (id) => (id === 'b1' ? aSummary() : null),
    ...overrides,
  };
  const exporter = await createSmallExporter();
  const app = exporter.app({ backfill });
  return {
    exporter,
    requests,
    get: (path: string) => app.request(path, { headers: { authorization: `Bearer ${adminToken}` } }),
    post: (body?: unknown, path = '/backfill') =>
      app.request(path, {
        method: 'POST',
        headers: { authorization: `Bearer ${adminToken}` },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
  };
}

const all = { since: null, until: null, repos: null, isDry: false };

describe('POST /backfill', () => {
  it('starts one, and says where to look for it', async () => {
    const { post, requests } = await createRoutes();
    const response = await post();
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe('/backfill/b1');
    expect(await response.json()).toEqual(aSummary());
    expect(requests).toEqual([all]);
  });

  it('ends its answers with a newline, as a terminal likes them', async () => {
    const { post, get } = await createRoutes();
    const answers = [post(), post({}, '/backfill?wait=true'), get('/backfill'), get('/backfill/b1')];
    for (const response of await Promise.all(answers)) {
      expect(response.headers.get('content-type')).toBe('application/json');
      expect(await response.text()).toMatch(/^[[{].*[\]}]\n$/);
    }
  });

  it('waits for its end where asked to', async () => {
    const { post } = await createRoutes();
    const response = await post({}, '/backfill?wait=true');
    expect(response.status).toBe(200);
    expect(response.headers.get('location')).toBe('/backfill/b1');
    expect(await response.json()).toEqual(done);
    expect((await post({}, '/backfill?wait=false')).status).toBe(202);
  });

  it.each<[unknown, Partial<BackfillRequest>]>([
    ['', {}],
    [{}, {}],
    [{ since: null, until: null, repos: null, dry_run: null }, {}],
    [{ since: '180d' }, { since: noon - 180 * 86_400 }],
    [
      { since: '2026-01-01', until: '2026-02-01' },
      { since: 1_767_225_600, until: 1_769_904_000 },
    ],
    [
      { since: '12h', until: '90s' },
      { since: noon - 43_200, until: noon - 90 },
    ],
    [{ since: '0' }, { since: 0 }],
    [{ since: '0d' }, { since: 0 }],
    [{ until: '0' }, { until: noon }],
    [
      { since: '0', until: '180d' },
      { since: 0, until: noon - 180 * 86_400 },
    ],
    [{ since: '2026-01-01T00:00:00Z' }, { since: 1_767_225_600 }],
    [{ since: '2026-01-01T01:00:00.900+01:00' }, { since: 1_767_225_600 }],
    [{ until: '2026-01-01T00:00:00Z' }, { until: 1_767_225_600 }],
    [
      { since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:00:00Z' },
      { since: 1_767_225_600, until: 1_767_225_600 },
    ],
    [{ repos: ['acme/*', 'other/shop'] }, { repos: ['acme/*', 'other/shop'] }],
    [{ dry_run: true }, { isDry: true }],
  ])('takes %j', async (body, expected) => {
    const { post, requests } = await createRoutes();
    expect((await post(body)).status).toBe(202);
    expect(requests).toEqual([{ ...all, ...expected }]);
  });

  it.each<[unknown, string[]]>([
    [[], ['']],
    ['null', ['']],
    ['7', ['']],
    [{ from: '180d' }, ['']],
    [{ since: 'yesterday' }, ['since']],
    [{ since: '' }, ['since']],
    [{ since: 180 }, ['since']],
    [{ since: '180' }, ['since']],
    [{ since: '-180d' }, ['since']],
    [{ since: '1.5d' }, ['since']],
    [{ since: '2026-08-01T00:00:00Z' }, ['since']],
    [{ since: '2026-08-01' }, ['since']],
    [{ since: '2026-02-30' }, ['since']],
    [{ since: '2026-01-01T00:00:00' }, ['since']],
    [{ since: '2026-02-30T00:00:00Z' }, ['since']],
    [{ since: '1d', until: '2d' }, ['until']],
    [{ since: 'x', until: 'y' }, ['since', 'until']],
    [{ repos: 'acme/*' }, ['repos']],
    [{ repos: [] }, ['repos']],
    [{ repos: ['acme/*', ''] }, ['repos.1']],
    [{ repos: [7] }, ['repos.0']],
    [{ dry_run: 'yes' }, ['dry_run']],
  ])('answers 422 to %j', async (body, paths) => {
    const { post, requests } = await createRoutes();
    const response = await post(body);
    expect(response.status).toBe(422);
    const { detail, errors } = await problemOf(response);
    expect([detail, errors?.map(({ path }) => path)]).toEqual(['Body is not as expected', paths]);
    expect(requests).toEqual([]);
  });

  it('says how times are written', async () => {
    const { post } = await createRoutes();
    const { errors } = (await (await post({ since: 'yesterday' })).json()) as { errors: unknown };
    expect(errors).toEqual([
      {
        path: 'since',
        message: 'Expected a time such as 2026-01-01 or 2026-01-01T12:00:00Z, or an age such as 180d',
      },
    ]);
  });

  it('says which key was meant', async () => {
    const { post } = await createRoutes();
    const { errors } = (await (await post({ dry_runn: true })).json()) as { errors: unknown };
    expect(errors).toEqual([{ path: '', message: 'Unknown key dry_runn, did you mean dry_run?' }]);
  });

  it('asks for no time that Woodpecker could not read, however great the age', async () => {
    const { post, requests } = await createRoutes();
    for (const since of ['999999d', '999999999d']) await post({ since });
    // Years before 0 cannot be written in RFC 3339.
    expect(requests.filter(({ since }) => Number(since) < -62_167_219_200)).toEqual([]);
  });

  it('answers 400 to what is not JSON, and 413 to what is too large', async () => {
    const { post, requests } = await createRoutes();
    const [broken, large] = [await post('{"since"'), await post(`{}${' '.repeat(64 * 1024)}`)];
    expect([broken.status, await problemOf(broken)]).toEqual([400, { detail: 'Body is not JSON' }]);
    expect([large.status, await problemOf(large)]).toEqual([
      413,
      { detail: 'Body is larger than 65536 bytes' },
    ]);
    expect(requests).toEqual([]);
  });

  it('answers 409 while one is running, with its id', async () => {
    const { post } = await createRoutes({ start: async () => ({ ok: false, runningId: 'b0' }) });
    const response = await post();
    expect(response.headers.get('location')).toBe('/backfill/b0');
    expect([response.status, await problemOf(response)]).toEqual([409, { detail: 'Backfill b0 is running' }]);
  });

  it('answers 409 where there is no Woodpecker, with what to set', async () => {
    const { post } = await createRoutes(noBackfill);
    const response = await post();
    expect(response.headers.get('location')).toBeNull();
    expect([response.status, await problemOf(response)]).toEqual([
      409,
      { detail: 'There is no Woodpecker to read from: set DORA_WOODPECKER_URL and DORA_WOODPECKER_TOKEN' },
    ]);
  });

  it('answers 503 where the store cannot keep it', async () => {
    const { post } = await createRoutes({
      start: () => Promise.reject(new StoreUnavailable('Disk is full')),
    });
    const response = await post();
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  });
});

describe('GET /backfill', () => {
  it('lists them', async () => {
    const { get } = await createRoutes();
    const response = await get('/backfill');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect([response.status, await response.json()]).toEqual([200, [aSummary({ id: 'b2' }), done]]);
  });

  it('shows one', async () => {
    const { get } = await createRoutes();
    const response = await get('/backfill/b1');
    expect([response.status, await response.json()]).toEqual([200, aSummary()]);
  });

  it('answers 404 to an id that none has', async () => {
    const { get } = await createRoutes();
    const response = await get('/backfill/b9');
    expect([response.status, await problemOf(response)]).toEqual([404, { detail: 'No such backfill' }]);
  });
});

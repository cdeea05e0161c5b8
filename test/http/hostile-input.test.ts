import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProjection } from '../../src/core/series/samples.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import { createEventLoopYield } from '../../src/util/clock.ts';
import { fixture } from '../support/fixtures.ts';
import { loadState } from '../support/load-state.ts';
import { project } from '../support/projected.ts';
import { aPolicy } from '../support/records.ts';
import { createSmallExporter, noon, webhookSecret } from '../support/small-exporter.ts';

type Json = unknown;

const report = {
  repo: 'acme/shop',
  number: '12',
  status: 'failure',
  event: 'deployment',
  branch: 'main',
  deploy_to: 'production',
  commit: '2fff90f8',
  url: 'https://ci.example.com/repos/7/pipeline/12',
  started: noon - 90,
  finished: String(noon - 10),
  commit_time: noon - 900,
};
const bodies = [
  fixture('v2.8.3-event.json'),
  fixture('v3.17.0-event.json'),
  fixture('drone-webhook.json'),
  report,
];

/** What a sender may put where something else was expected. */
const anyValue = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    '',
    '0',
    '-1',
    'success',
    'failure',
    'running',
    'acme/shop',
    'acme/other',
    '../..',
    '\0',
    '\ud800',
    '__proto__',
    `${'x'.repeat(3000)}/${'y'.repeat(3000)}`,
    0,
    -1,
    1.5,
    7,
    8,
    841,
    noon,
    noon + 300,
    noon + 301,
    2 ** 31,
    2 ** 53 - 1,
    2 ** 53,
    -(2 ** 63),
    1e308,
    [],
    {},
    [[]],
  ),
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.integer(),
);

/** One change somewhere in a body: the `at`-th of its fields, counted through all depths, becomes another or goes. */
const anyChange = fc.record({ at: fc.nat(400), value: fc.option(anyValue, { nil: undefined }) });

function change(body: Json, at: number, value: Json): Json {
  const copy = structuredClone(body);
  const places: { holder: Record<string, Json>; key: string }[] = [];
  const walk = (holder: Json): void => {
    if (typeof holder !== 'object' || holder === null) return;
    for (const key of Object.keys(holder)) {
      places.push({ holder: holder as Record<string, Json>, key });
      walk((holder as Record<string, Json>)[key]);
    }
  };
  walk(copy);
  const place = places[at % Math.max(places.length, 1)];
  if (!place) return copy;
  if (value === undefined) delete place.holder[place.key];
  else place.holder[place.key] = value;
  return copy;
}

const changedBody = fc
  .tuple(fc.constantFrom(...bodies), fc.array(anyChange, { maxLength: 4 }))
  .map(([body, changes]) =>
    JSON.stringify(changes.reduce<Json>((changed, { at, value }) => change(changed, at, value), body)),
  );

/** A body whose text, not its meaning, was tampered with. */
const garbledBody = fc
  .tuple(changedBody, fc.nat(), fc.uint8Array({ maxLength: 8 }), fc.nat(20))
  .map(([text, at, bytes, gone]) => {
    const whole = Buffer.from(text);
    const cut = at % (whole.length + 1);
    return Buffer.concat([whole.subarray(0, cut), bytes, whole.subarray(cut + gone)]);
  });

const anyBody = fc.oneof(
  { weight: 8, arbitrary: changedBody.map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: garbledBody },
  { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);

const right = `Bearer ${webhookSecret}`;
const asciiText = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });
const anyHeaders: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({ authorization: right }) },
  {
    weight: 1,
    arbitrary: fc
      .record({
        authorization: fc.oneof(
          asciiText,
          asciiText.map((text) => `Bearer ${text}`),
        ),
        'x-hub-signature-256': fc.oneof(
          asciiText,
          asciiText.map((text) => `sha256=${text}`),
        ),
        'webhook-id': asciiText,
        'webhook-timestamp': fc.oneof(asciiText, fc.constant(String(noon))),
        'webhook-signature': fc.oneof(
          asciiText,
          asciiText.map((text) => `v1,${text}`),
        ),
        'content-type': asciiText,
      })
      .map((headers) => ({ ...headers })),
  },
);

describe.each([
  ['all there is', false],
  ['but a hint', true],
])('whatever is posted where a webhook is %s', (_, canAsk) => {
  it('is answered without a fault, and changes no figure where it is refused', async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ body: anyBody, headers: anyHeaders }), { minLength: 1, maxLength: 10 }),
        async (requests) => {
          const exporter = await createSmallExporter({ canAsk });
          const { state } = exporter;
          const policy = aPolicy({ windows: [] });
          const exposition = createExposition({
            projection: createProjection(state, policy),
            policy,
            renderSelf: async () => '',
            now: () => noon,
            yieldToEventLoop: createEventLoopYield(),
          });
          const app = exporter.app({ exposition });
          const look = async () => ({
            figures: await (await app.request('/metrics')).text(),
            version: state.version,
            rows: JSON.stringify([
              await exporter.pipelines(),
              await exporter.repos(),
              await exporter.follows(),
            ]),
          });
          let before = await look();
          for (const { body, headers } of requests) {
            const response = await app.request('/webhook', { method: 'POST', body, headers });
            const { status } = response;
            seen.set(status, (seen.get(status) ?? 0) + 1);
            expect([202, 400, 401, 422]).toContain(status);
            const after = await look();
            if (status !== 202) expect(after).toEqual(before);
            if (canAsk) expect(after.figures).toBe(before.figures);
            before = after;
          }
          expect(exporter.faults).toEqual([]);
          const { ingest, store } = exporter;
          const reloaded = await loadState(store, ingest.mode, noon);
          expect(project(reloaded.state)).toEqual(project(state));
        },
      ),
      { numRuns: 300, seed: 20_260_731 },
    );
    // Each kind of answer was provoked often enough to mean something.
    for (const status of [202, 400, 401, 422]) expect(seen.get(status) ?? 0).toBeGreaterThan(50);
  });
});

describe('whatever is asked for', () => {
  const anyParameter = fc.tuple(
    fc.constantFrom('repo', 'tier', 'window', 'at', 'before', 'limit', '__proto__', 'repo[]', ''),
    fc.oneof(
      fc.constantFrom('acme/shop', 'production', '30d', '7d', 'toString', '1.1.1', '2026-07-31T00:00:00Z'),
      fc.constantFrom('36500d', '0', '1000', '-1', '999999999999.999999999999999.1', '0000-01-01T00:00:00Z'),
      fc.constantFrom('9'.repeat(400), '\0', '../..', '1e9', 'NaN', '%', '{"$ne": 1}', "' OR 1=1 --"),
      fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed()),
    ),
  );
  /** Half of them ask for what there is, but for one parameter. */
  const anyQuery = fc
    .tuple(
      fc.constantFrom('/explain', '/api/explain', '/api/dora', '/api/openapi.json'),
      fc.constantFrom(
        'repo=acme/shop&tier=production&window=30d&',
        'repo=acme/shop&window=30d&',
        'tier=production&window=30d&',
        'window=30d&',
        '',
      ),
      fc.array(anyParameter, { maxLength: 4 }),
      fc.constantFrom('', '&%', '&=', '&at=%ff', '&window'),
    )
    .map(([path, right, parameters, rest]) => `${path}?${right}${new URLSearchParams(parameters)}${rest}`);
  const anyPath = fc.oneof(
    fc.constantFrom('/', '/metrics', '/webhook', '/backfill', '/backfill/', '/healthz', '/readyz'),
    fc.webPath(),
    fc
      .string({ unit: 'binary', maxLength: 20 })
      .map((text) => `/backfill/${encodeURIComponent(text.toWellFormed())}`),
    anyQuery,
    fc.constantFrom('/%', '/%zz', '/backfill/%ff', '/..%2f', '//', '/metrics?x=%', '/backfill?wait=%ff'),
  );
  const anyMethod = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'QUERY');

  it('is answered without a fault', async () => {
    const exporter = await createSmallExporter();
    const app = exporter.app({ adminTokens: [webhookSecret] });
    await fc.assert(
      fc.asyncProperty(anyPath, anyMethod, anyHeaders, async (path, method, headers) => {
        const response = await app.request(`http://localhost${path}`, { method, headers });
        await response.arrayBuffer();
        expect(response.status).toBeLessThan(500);
      }),
      { numRuns: 500, seed: 20_260_731 },
    );
    expect(exporter.faults).toEqual([]);
  });

  it('is answered without a fault, whatever the query', async () => {
    const policy = aPolicy({ tiers: [{ tier: 'production', deployTo: ['production'] }] });
    const exporter = await createSmallExporter({ policy });
    await exporter.receive(report);
    const app = exporter.app();
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(anyQuery, async (path) => {
        const response = await app.request(`http://localhost${path}`);
        await response.arrayBuffer();
        expect([200, 404, 422]).toContain(response.status);
        if (!path.includes('openapi')) seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
      }),
      { numRuns: 1500, seed: 20_260_731 },
    );
    expect(exporter.faults).toEqual([]);
    // Each kind of answer was provoked often enough to mean something.
    for (const status of [200, 404, 422]) expect(seen.get(status) ?? 0).toBeGreaterThan(20);
  });
});

describe('whatever is posted about incidents', () => {
  const alert = {
    status: 'resolved',
    labels: { alertname: 'Down', dora_repo: 'acme/shop', dora_tier: 'production', team: 'web' },
    annotations: { summary: 'Checkout fails' },
    startsAt: '2026-07-31T12:00:00.123456789Z',
    endsAt: '2026-07-31T12:10:00+02:00',
    generatorURL: 'https://prometheus.example.com/graph',
    fingerprint: 'c0ffee',
  };
  const incident = {
    id: 'INC-12',
    repo: 'acme/shop',
    tier: 'production',
    started: noon - 600,
    resolved: '2026-07-31T12:20:00Z',
    title: 'Checkout fails',
    url: 'https://status.example.com/12',
    deployment: 12,
    dismissed: false,
  };
  const posted = fc
    .tuple(
      fc.constantFrom<Json>(
        incident,
        { alerts: [alert, { ...alert, status: 'firing', endsAt: '0001-01-01T00:00:00Z' }], version: '4' },
        { alerts: [{ ...alert, labels: { ...alert.labels, dora_repo: 'acme/unknown' } }] },
      ),
      fc.array(anyChange, { maxLength: 3 }),
    )
    .map(([body, changes]) => ({
      method: 'POST',
      path: '/incidents',
      body: JSON.stringify(
        changes.reduce<Json>((changed, { at, value }) => change(changed, at, value), body),
      ),
    }));
  const anyWord = fc.oneof(
    fc.constantFrom(
      'acme/shop',
      'acme',
      '..',
      '%',
      '%2f',
      '%ff',
      '12',
      '0',
      '9'.repeat(400),
      '__proto__',
      '',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const mostly = (word: string) => fc.oneof({ weight: 4, arbitrary: fc.constant(word) }, anyWord);
  const marked = fc
    .tuple(
      fc.constantFrom('PUT', 'DELETE'),
      mostly('acme/shop'),
      mostly('12'),
      mostly('?tier=production'),
      fc.array(anyChange, { maxLength: 2 }),
    )
    .map(([method, repo, number, query, changes]) => ({
      method,
      path: `/deployments/${repo}/${number}/mark${query}`,
      body: JSON.stringify(
        changes.reduce<Json>((changed, { at, value }) => change(changed, at, value), {
          mark: 'failed',
          recovered: noon - 10,
          reason: 'Pager',
        }),
      ),
    }));
  const withdrawn = mostly('INC-12').map((id) => ({
    method: 'DELETE',
    path: `/incidents/${id}`,
    body: null,
  }));
  const listed = anyWord.map((word) => ({
    method: 'GET',
    path: `/api/incidents?repo=${word}&limit=5`,
    body: null,
  }));

  it('is answered without a fault, and leaves a state that a restart finds again', async () => {
    const policy = aPolicy({
      tiers: [{ tier: 'production', deployTo: ['production'] }],
      incidents: {
        staleSeconds: 86_400,
        rules: [{ labels: { team: ['*'] }, repo: 'acme/{{team}}', tier: 'x' }],
      },
    });
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: posted }, marked, withdrawn, listed), {
          minLength: 1,
          maxLength: 10,
        }),
        async (requests) => {
          const exporter = await createSmallExporter({ policy });
          await exporter.receive(report);
          const app = exporter.app({ adminTokens: [webhookSecret], incidentSecrets: [webhookSecret] });
          const headers = { authorization: right };
          for (const { method, path, body } of requests) {
            const { state } = exporter;
            const { version } = state;
            const response = await app.request(`http://localhost${path}`, { method, headers, body });
            await response.arrayBuffer();
            const { status } = response;
            seen.set(status, (seen.get(status) ?? 0) + 1);
            expect([200, 202, 204, 404, 405, 422]).toContain(status);
            if (status >= 400) expect(state.version).toBe(version);
          }
          expect(exporter.faults).toEqual([]);
          const { ingest, store, state } = exporter;
          const reloaded = (await loadState(store, ingest.mode, noon)).state;
          const byKey = (entries: Iterable<{ readonly key: string }>) =>
            [...entries].sort((a, b) => (a.key < b.key ? -1 : 1));
          expect(byKey(reloaded.incidents.entries())).toEqual(byKey(state.incidents.entries()));
          expect([...reloaded.marks]).toEqual([...state.marks]);
          expect(project(reloaded)).toEqual(project(state));
        },
      ),
      { numRuns: 150, seed: 20_260_731 },
    );
    // Each kind of answer was provoked often enough to mean something.
    for (const status of [200, 202, 204, 404, 422]) expect(seen.get(status) ?? 0).toBeGreaterThan(20);
  });
});

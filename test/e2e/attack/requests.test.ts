import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  canary,
  dial,
  exchange,
  flood,
  requestText,
  signed,
  startHonestUsers,
  startTarget,
  statusesIn,
  webhookText,
} from '../../support/attack.ts';
import { adminToken, type Metrics, webhookSecret } from '../../support/exporter-process.ts';
import { report, withstand } from '../../support/withstand.ts';

const million = 1024 * 1024;
const wrongSignature = { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };
const rejected = (metrics: Metrics) =>
  metrics.get('dora_exporter_events_total{source="webhook",result="rejected"}');

describe('bodies', () => {
  it('without an end, with a length that lies, or made to be costly, are refused and change nothing', async () => {
    const target = await startTarget();
    const nested = '['.repeat(million / 2) + ']'.repeat(million / 2);
    const bomb = gzipSync(Buffer.alloc(64 * million, '['));
    const posted = (body: string, headers = {}) =>
      requestText('POST /webhook', { ...signed.hex(body), connection: 'close', ...headers }, body);
    const cases: [expected: number[], bytes: string | Buffer][] = [
      [[413], requestText('POST /webhook', { ...signed.bearer(), 'content-length': 10 * 1024 ** 3 })],
      [[413], requestText('POST /webhook', { ...wrongSignature, 'content-length': million + 1 })],
      [[400], requestText('POST /webhook', { ...signed.bearer(), 'content-length': '1e9' })],
      [[400], requestText('POST /webhook', { ...signed.bearer(), 'content-length': '9'.repeat(30) })],
      // Longer than it says: what is left over is no request.
      [
        [400],
        `${requestText('POST /webhook', { ...wrongSignature, 'content-length': 2 })}{}${canary.repeat(1000)}`,
      ],
      [[422], posted(nested)],
      [[422], posted(`{"repo":{"full_name":"a/b"},"pipeline":{"number":${nested.slice(100, -100)}}}`)],
      [[422], posted(`[${'1,'.repeat(million / 2 - 2)}1]`)],
      [[422], posted(`{"repo":"a/b","number":${'9'.repeat(million - 100)}}`)],
      [[422], posted(`{"repo":"a/b","number":1e${'9'.repeat(100_000)}}`)],
      [[422], posted(`{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":{}`).join(',')}}`)],
      [[422], posted(`{"repo":"${'a/'.repeat(million / 3)}b","number":1}`)],
      [
        [422],
        posted('{"__proto__":{"repo":"a/b","number":1},"constructor":{"prototype":{"status":"success"}}}'),
      ],
      [[400], posted(`{"repo":"${canary}`)],
      [[413], posted(' '.repeat(million + 1))],
      // What is compressed is refused: there is nothing to blow up.
      [
        [415],
        Buffer.concat([
          Buffer.from(
            requestText('POST /webhook', {
              ...signed.bearer(),
              'content-encoding': 'gzip',
              connection: 'close',
              'content-length': bomb.length,
            }),
          ),
          bomb,
        ]),
      ],
      [
        [200],
        requestText('GET /metrics', { 'accept-encoding': 'gzip;q=0, '.repeat(1_200), connection: 'close' }),
      ],
      [
        [200],
        requestText('GET /metrics', { 'accept-encoding': `gzip${' '.repeat(14_000)};`, connection: 'close' }),
      ],
      [
        [200],
        requestText('GET /metrics', { 'accept-encoding': '*;q=9, gzip;q=nan, \xff', connection: 'close' }),
      ],
    ];
    const metrics = await withstand(target, async () => {
      for (const [expected, bytes] of cases) {
        const answer = await exchange(target.port, bytes, 8_000);
        expect([statusesIn(answer), bytes.slice(0, 300).toString('latin1')]).toEqual([
          expected,
          expect.anything(),
        ]);
        expect(answer).not.toContain(canary);
      }
      const { socket, received, isClosed } = await dial(target.port);
      socket.write(requestText('POST /webhook', { ...signed.bearer(), 'transfer-encoding': 'chunked' }));
      const piece = `10000\r\n${canary.padEnd(0x10000)}\r\n`;
      let sent = 0;
      while (!isClosed() && sent < 100 * million) {
        sent += piece.length;
        socket.write(piece);
        await delay(1);
      }
      expect(statusesIn(received())).toEqual([413]);
      expect(sent).toBeLessThan(100 * million);
    });
    expect(rejected(metrics)).toBeGreaterThanOrEqual(13);
  });
});

describe('signatures', () => {
  const body = report('acme/forged', 7);
  const now = () => Math.floor(Date.now() / 1000);
  const wrong = 'another-secret';

  it('that are forged, cut, borrowed or too old open nothing', async () => {
    const target = await startTarget();
    const good = signed.standard(body);
    const hex = signed.hex(body)['x-hub-signature-256'];
    const forgeries: Record<string, string>[] = [
      {},
      signed.bearer(wrong),
      signed.bearer(adminToken),
      signed.bearer(''),
      signed.bearer(webhookSecret.slice(0, -1)),
      signed.bearer(`${webhookSecret}x`),
      { authorization: `Basic ${Buffer.from(`x:${webhookSecret}`).toString('base64')}` },
      { authorization: webhookSecret },
      { 'x-gitlab-token': webhookSecret },
      signed.hex(body, wrong),
      signed.hex(body, ''),
      signed.hex(`${body} `),
      { 'x-hub-signature-256': '' },
      { 'x-hub-signature-256': 'sha256=' },
      { 'x-hub-signature-256': hex.slice(0, -1) },
      { 'x-hub-signature-256': `${hex}00` },
      { 'x-hub-signature-256': hex.replace('sha256=', 'sha1=') },
      { 'x-hub-signature-256': hex.replace('sha256=', '') },
      { 'x-hub-signature': hex },
      { 'x-drone-signature': `sha256=${canary.padEnd(64, '0')}` },
      signed.standard(body, { secret: wrong }),
      signed.standard(`${body} `),
      // Replayed when the time for it is over, or before it.
      signed.standard(body, { atSeconds: now() - 310 }),
      signed.standard(body, { atSeconds: now() + 330 }),
      { ...good, 'webhook-timestamp': String(now() + 60) },
      { ...good, 'webhook-id': 'msg_1' },
      { ...good, 'webhook-timestamp': '' },
      { ...good, 'webhook-timestamp': `${good['webhook-timestamp']}.0` },
      { ...good, 'webhook-signature': good['webhook-signature'].replace('v1,', 'v1a,') },
      { ...good, 'webhook-signature': 'v1,' },
      { ...good, 'webhook-signature': `v1,${'A'.repeat(12_000)}` },
    ];
    const metrics = await withstand(target, async () => {
      for (const headers of forgeries) {
        const answer = await exchange(
          target.port,
          requestText('POST /webhook', { ...headers, connection: 'close' }, body),
          8_000,
        );
        expect([statusesIn(answer), headers]).toEqual([[401], headers]);
      }
      const many = Array.from({ length: 3_000 }, (_, index) =>
        webhookText(report('acme/forged', index + 1), wrong),
      );
      expect(await flood(target.port, many)).toEqual(new Map([[401, 3_000]]));
      for (const path of ['/backfill', '/backfill/1']) {
        for (const headers of [signed.bearer(), signed.bearer(wrong), {}]) {
          const answer = await exchange(
            target.port,
            requestText(`GET ${path}`, { ...headers, connection: 'close' }),
            8_000,
          );
          expect(statusesIn(answer)).toEqual([401]);
        }
      }
    });
    expect(rejected(metrics)).toBe(forgeries.length + 3_000);
  });

  it('that are genuine count once, however often they are replayed in time', async () => {
    const target = await startTarget();
    const older = signed.standard(body, { atSeconds: now() - 240 });
    const honest = startHonestUsers(target);
    const genuine = requestText('POST /webhook', older, body);
    expect(
      await exchange(
        target.port,
        requestText('POST /webhook', { ...older, connection: 'close' }, body),
        8_000,
      ),
    ).toContain('"stored"');
    expect(await flood(target.port, Array(1_000).fill(genuine))).toEqual(new Map([[202, 1_000]]));
    expect(await flood(target.port, Array(1_000).fill(webhookText(body)))).toEqual(new Map([[202, 1_000]]));
    const { accepted } = await honest.stop();
    const metrics = await target.metrics();
    expect(metrics.get('dora_deployments_total{repo="acme/forged",tier="unassigned"}')).toBe(1);
    expect(metrics.get('dora_exporter_events_total{source="webhook",result="stored"}')).toBe(accepted + 1);
    expect(metrics.get('dora_exporter_events_total{source="webhook",result="duplicate"}')).toBe(2_000);
  });
});

describe('requests', () => {
  it('with too many headers, or of shapes that hide another, are answered as their sender’s error', async () => {
    const target = await startTarget();
    const smuggled = requestText('GET /metrics', { 'x-hidden': canary });
    const post = (...lines: string[]) => `POST /webhook HTTP/1.1\r\nHost: a\r\n${lines.join('\r\n')}\r\n\r\n`;
    const refused: string[] = [
      // Floods.
      `GET /healthz HTTP/1.1\r\nHost: a\r\n${`X-${canary}: 1\r\n`.repeat(10_000)}\r\n`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ${canary.repeat(100_000)}\r\n\r\n`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\n${'x'.repeat(100_000)}: 1\r\n\r\n`,
      `GET /${canary.repeat(5_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
      `${post('Transfer-Encoding: chunked')}0\r\n${`T-${canary}: 1\r\n`.repeat(10_000)}\r\n`,
      // Two lengths.
      `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${smuggled}`,
      `${post('Content-Length: 2', 'Content-Length: 60')}{}${smuggled}`,
      `${post('Content-Length: 2', 'Content-Length: 2')}{}${smuggled}`,
      `${post('Content-Length: 2, 2')}{}${smuggled}`,
      `${post('Content-Length: +2')}{}${smuggled}`,
      `${post('Content-Length: 0x2')}{}${smuggled}`,
      `${post('Content-Length: -1')}{}${smuggled}`,
      `${post('Content-Length: 2 2')}{}${smuggled}`,
      `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding : chunked')}0\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding:\r\n chunked', 'Content-Length: 4')}0\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding: chunked')}fffffffffffffffff\r\n${smuggled}`,
      `${post('Transfer-Encoding: chunked')}-1\r\n\r\n${smuggled}`,
      `${post('Transfer-Encoding: chunked')}2\n{}\n0\n\n${smuggled}`,
      `${post('Transfer-Encoding: chunked')}2\r\n{}x\r\n0\r\n\r\n${smuggled}`,
      // No HTTP, or another.
      `POST /webhook HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}${smuggled}`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n${smuggled}`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n${smuggled}`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n${smuggled}`,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nHost\r\n\r\n${smuggled}`,
      `GET /healthz HTTP/1.1\r\n\r\n${smuggled}`,
      `GET /healthz\r\n\r\n`,
      `GET /healthz HTTP/3.7\r\nHost: a\r\n\r\n${smuggled}`,
      `GET /healthz\0 HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`,
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      `\0\0\0\0${canary}\r\n\r\n`,
      `NONSENSE /healthz HTTP/1.1\r\nHost: a\r\n\r\n`,
    ];
    await withstand(target, async () => {
      for (const bytes of refused) {
        const answer = await exchange(target.port, bytes, 5_000);
        const statuses = statusesIn(answer);
        expect([bytes.slice(0, 120), statuses.filter((status) => status < 400 || status >= 500)]).toEqual([
          bytes.slice(0, 120),
          [],
        ]);
        // One answer at most, and then the connection ends: what was hidden is never read.
        expect(statuses.length).toBeLessThanOrEqual(1);
        expect(answer).not.toContain(canary);
      }
    });
  });

  it('whose path, host or method plays tricks reach nothing that is not theirs', async () => {
    const metricsToken = 'token-of-prometheus';
    const target = await startTarget({ DORA_METRICS_TOKEN: metricsToken });
    const paths = [
      '//metrics',
      '/./metrics',
      '/x/../metrics',
      '/webhook/../metrics',
      '/%2e%2e/metrics',
      '/metrics/',
      '/metrics%00',
      '/metrics%2f',
      '/%6detrics',
      '/metrics;x',
      '/metrics?x=%',
      '/metrics#x',
      '\\metrics',
      '/METRICS',
      '/.//metrics',
      '/healthz/../metrics',
      '/healthz%2f..%2fmetrics',
      '/backfill/..%2fmetrics',
      '/backfill/%2e%2e/metrics',
      '/backfill/%ff',
      '/backfill/../backfill',
      '/%zz',
      '/%',
      `/${canary.repeat(800)}`,
      `/${'a/'.repeat(4_000)}`,
      `/?${'a=b&'.repeat(3_000)}`,
      'http://evil.example/metrics',
      'http://localhost/metrics',
      'http://[/metrics',
      'https://x:y@localhost/metrics',
      '*',
      'metrics',
      '/@metrics',
      '/metrics/..;/metrics',
      '///',
      '/\x7f',
      '/é',
    ];
    const hosts = [
      '',
      'a b',
      'localhost/metrics?',
      'localhost#',
      'localhost\\metrics',
      '[::',
      'a@b',
      'x'.repeat(4_000),
      '127.0.0.1:99999',
      '%00',
    ];
    const methods = ['TRACE', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'QUERY', 'PROPFIND', 'LINK', 'M-SEARCH'];
    const end = 'Connection: close\r\n\r\n';
    const cases: string[] = [
      ...paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${end}`),
      ...hosts.map((host) => `GET /metrics HTTP/1.1\r\nHost: ${host}\r\n${end}`),
      ...hosts.map((host) => `GET /nowhere HTTP/1.1\r\nHost: ${host}\r\n${end}`),
      ...['/metrics', '/webhook', '/', '*', 'http://localhost/healthz'].flatMap((path) =>
        methods.map(
          (method) => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nX-Secret: ${canary}\r\n${end}`,
        ),
      ),
      'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n',
      'CONNECT /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
      `GET /metrics HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      `GET /metrics HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n\r\n`,
      `GET /metrics HTTP/1.0\r\n\r\n`,
      `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Original-URL: /healthz\r\nX-Forwarded-For: 127.0.0.1\r\nX-HTTP-Method-Override: POST\r\n${end}`,
      `GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${canary}\r\nAuthorization: Bearer ${metricsToken}\r\n${end}`,
      `POST /webhook HTTP/1.1\r\nHost: localhost\r\nExpect: ${canary}\r\nContent-Length: 2\r\n\r\n`,
      `POST /webhook HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n`,
    ];
    await withstand(
      target,
      async () => {
        for (const bytes of cases) {
          const answer = await exchange(target.port, bytes, 2_000);
          const statuses = statusesIn(answer).filter((status) => status !== 100);
          expect([bytes.slice(0, 120), statuses.filter((status) => status < 400 || status >= 500)]).toEqual([
            bytes.slice(0, 120),
            [],
          ]);
          expect(answer).not.toContain(canary);
        }
      },
      { scrapeHeaders: signed.bearer(metricsToken) },
    );
  });
});

import { describe, expect, it, onTestFinished } from 'vitest';
import type { AppDependencies } from '../../src/http/app.ts';
import { openFront } from '../../src/http/front.ts';
import { createLog } from '../../src/util/log.ts';
import { createSmallExporter, webhookSecret } from '../support/small-exporter.ts';

const address = { host: '127.0.0.1', port: 0 };

async function open(overrides: Partial<Parameters<typeof openFront>[0]> = {}) {
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line));
  const front = await openFront({ address, metricsAddress: null, log, logsRequests: false, ...overrides });
  onTestFinished(async () => {
    for (const server of front.servers) await server.close(0);
  });
  const urls = front.servers.map((server) => `http://${server.address}`);
  const statusOf = async (path: string, url = urls[0], method = 'GET') =>
    (await fetch(`${url}${path}`, { method })).status;
  return { front, lines, urls, statusOf };
}

/** What a small exporter's app is made of. */
async function dependencies(overrides: Partial<AppDependencies> = {}) {
  const exporter = await createSmallExporter();
  return exporter.dependencies(overrides);
}

describe('openFront', () => {
  it('answers health before there is anything else, and tells the rest to come back', async () => {
    const { lines, urls, statusOf } = await open();
    for (const path of ['/healthz', '/-/healthy']) expect(await statusOf(path)).toBe(200);
    for (const path of ['/readyz', '/-/ready', '/metrics', '/', '/backfill']) {
      expect(await statusOf(path)).toBe(503);
    }
    const response = await fetch(`${urls[0]}/webhook`, { method: 'POST', body: '{}' });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await response.json()).toMatchObject({
      detail: 'The exporter is starting: it reads its database',
    });
    expect(lines).toEqual([]);
  });

  it('serves an app once there is one, and says where', async () => {
    const { front, lines, urls, statusOf } = await open();
    front.serve(await dependencies());
    for (const path of ['/healthz', '/readyz', '/metrics', '/']) expect(await statusOf(path)).toBe(200);
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(` info {2}Listening address=${urls[0]?.slice(7)}$`)),
    ]);
  });

  it('exchanges one app for another without a request that fails', async () => {
    const { front, lines, urls } = await open();
    front.serve(await dependencies({ webhookSecrets: ['the-old-one'] }));
    const post = async (secret: string) => {
      const headers = { authorization: `Bearer ${secret}` };
      return (await fetch(`${urls[0]}/webhook`, { method: 'POST', headers, body: '{}' })).status;
    };
    expect([await post('the-old-one'), await post(webhookSecret)]).toEqual([422, 401]);
    front.serve(await dependencies());
    expect([await post('the-old-one'), await post(webhookSecret)]).toEqual([401, 422]);
    expect(lines).toHaveLength(1);
  });

  it('keeps figures on an address of their own', async () => {
    const { front, lines, urls, statusOf } = await open({ metricsAddress: address });
    for (const url of urls) {
      expect([await statusOf('/healthz', url), await statusOf('/readyz', url)]).toEqual([200, 503]);
    }
    front.serve(await dependencies());
    expect([await statusOf('/metrics', urls[0]), await statusOf('/metrics', urls[1])]).toEqual([404, 200]);
    expect([
      await statusOf('/webhook', urls[0], 'POST'),
      await statusOf('/webhook', urls[1], 'POST'),
    ]).toEqual([401, 404]);
    expect(lines).toHaveLength(2);
  });

  it('names the setting of an address that is taken', async () => {
    const { front } = await open();
    const taken = { host: '127.0.0.1', port: front.servers[0]?.port ?? 0 };
    const words = `cannot listen on 127.0.0.1:${taken.port}, another process listens there`;
    await expect(open({ address: taken })).rejects.toThrow(`DORA_LISTEN: ${words}`);
    await expect(open({ metricsAddress: taken })).rejects.toThrow(`DORA_METRICS_LISTEN: ${words}`);
  });
});

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { dial, flood, requestText, signed, statusesIn, webhookText } from '../support/attack.ts';
import {
  adminToken,
  type ExporterProcess,
  spawnExporter,
  startExporter,
  temporaryFolder,
} from '../support/exporter-process.ts';
import { startFakeForge } from '../support/fake-forge.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';

const longestStopMs = 10_000;

const reportOf = (number: number, repo = `acme/repo-${number % 7}`) =>
  JSON.stringify({ repo, number, status: 'success', event: 'push', finished: 1_785_000_000 + number });
const portOf = ({ url }: ExporterProcess) => Number(new URL(url).port);

/** Stops it, and tells how long that took. */
async function stop(exporter: ExporterProcess): Promise<{ code: number | null; ms: number }> {
  const began = performance.now();
  const { code } = await exporter.stop();
  return { code, ms: performance.now() - began };
}

describe('SIGTERM to npm', () => {
  it('reaches the exporter that it started', async () => {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DORA_'));
    const npm = spawn('npm', ['start'], {
      cwd: new URL('../..', import.meta.url),
      env: { ...Object.fromEntries(inherited), DORA_DATABASE: ':memory:', DORA_LISTEN: '127.0.0.1:0' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    npm.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    const address = () => /Listening address=(\S+)/.exec(output)?.[1];
    await expect.poll(address).toBeDefined();
    npm.kill('SIGTERM');
    await expect.poll(() => output).toContain('Stopped');
    await expect(fetch(`http://${address()}/healthz`)).rejects.toThrow();
  });
});

describe('SIGTERM', () => {
  it('lets end what is in flight, whatever further signals come, and loses nothing acknowledged', async () => {
    const env = { DORA_DATABASE: join(temporaryFolder(), 'dora.db') };
    const exporter = await startExporter(env);
    const port = portOf(exporter);
    // More than fits into the buffers between two sockets.
    const many = Array.from({ length: 1_000 }, (_, index) => webhookText(reportOf(1, `acme/shop-${index}`)));
    expect(await flood(port, many)).toEqual(new Map([[202, many.length]]));

    const late = reportOf(1, 'acme/late');
    const arriving = await dial(port);
    arriving.socket.write(requestText('POST /webhook', signed.hex(late), late).slice(0, -20));
    const reader = await dial(port);
    reader.socket.pause().write(requestText('GET /metrics'));
    const acknowledged: string[] = [];
    let isUp = true;
    const send = async (sender: number): Promise<void> => {
      for (let number = sender; isUp; number += 8) {
        try {
          if ((await exporter.post(reportOf(number))).status === 202) acknowledged.push(reportOf(number));
        } catch {
          isUp = false;
        }
      }
    };
    const senders = Array.from({ length: 8 }, (_, index) => send(index + 1));
    await expect.poll(() => acknowledged.length).toBeGreaterThan(20);

    const stopped = stop(exporter);
    await expect.poll(() => exporter.output()).toContain('Stopping');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGINT'] as const) exporter.child.kill(signal);
    await delay(300);
    arriving.socket.write(late.slice(-20));
    reader.socket.resume();

    await arriving.closed;
    expect(statusesIn(arriving.received())).toEqual([202]);
    await reader.closed;
    const [head = '', ...body] = reader.received().split('\r\n\r\n');
    expect(body.join('\r\n\r\n').length).toBe(Number(/content-length: (\d+)/i.exec(head)?.[1]));
    const { code, ms } = await stopped;
    expect(code).toBe(0);
    expect(ms).toBeLessThan(longestStopMs);
    await Promise.all(senders);

    const again = await startExporter(env);
    for (const body of [late, ...acknowledged])
      expect(await (await again.post(body)).json()).toEqual({ result: 'duplicate' });
  });

  it('ends in time what does not end by itself, and the next start takes it up', async () => {
    const woodpecker = await startFakeWoodpecker();
    onTestFinished(() => woodpecker.close());
    const forge = await startFakeForge({ kind: 'forgejo' });
    onTestFinished(() => forge.close());
    const forgeRemoteId = String(forge.addRepo('acme/shop'));
    woodpecker.addRepo({ fullName: 'acme/shop', forgeRemoteId, private: true, access: { alice: 'push' } });
    const committedAt = Math.floor(Date.now() / 1000) - 500;
    const first = forge.commit('acme/shop', { committedAt });
    const second = forge.commit('acme/shop', { parents: [first], committedAt });
    const env = {
      DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
      DORA_WOODPECKER_URL: woodpecker.url,
      DORA_WOODPECKER_TOKEN: woodpecker.userToken,
      DORA_FORGE_URL: forge.url,
      DORA_FORGE_KIND: forge.kind,
      DORA_FORGE_TOKEN: forge.token,
    };
    const exporter = await startExporter(env);
    const metric = async (name: string, from = exporter) => (await from.metrics()).get(name);
    await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
    await expect.poll(() => woodpecker.streams.openCount).toBe(1);

    const hanging = [
      forge.fault({ answer: 'hang' }),
      woodpecker.fault({ match: /\/pipelines/, answer: 'hang' }),
    ];
    for (const commit of [first, second]) woodpecker.runPipeline('acme/shop', { commit });
    await expect.poll(() => metric('dora_exporter_lead_times_pending')).toBeGreaterThan(0);
    await expect.poll(() => forge.requests.length).toBeGreaterThan(0);
    const { number } = woodpecker.createPipeline('acme/shop');
    const hint = await exporter.post({ repo: 'acme/shop', number });
    expect(await hint.json()).toEqual({ result: 'following' });
    const asked = requestText('POST /backfill?wait=true', { authorization: `Bearer ${adminToken}` }, '{}');
    const callers = [asked, 'POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{', 'GET /', ''];
    for (const text of callers) (await dial(portOf(exporter))).socket.write(text);
    await expect.poll(() => metric('dora_exporter_backfill_running')).toBe(1);

    const { code, ms } = await stop(exporter);

    expect(code).toBe(0);
    expect(ms).toBeLessThan(longestStopMs);
    expect(exporter.output()).toMatch(/Stopped\n$/);
    for (const fault of hanging) fault.clear();
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.finishPipeline('acme/shop', number);
    const again = await startExporter(env);
    const total = 'dora_deployments_total{repo="acme/shop",tier="unassigned"}';
    await expect.poll(() => metric(total, again)).toBe(3);
    await expect.poll(() => metric('dora_exporter_lead_times_pending', again)).toBe(0);
    const backfills = await fetch(`${again.url}/backfill`, {
      headers: { authorization: `Bearer ${adminToken}` },
    });
    expect(JSON.stringify(await backfills.json())).toContain('"interrupted"');
  });

  it('while starting ends it at once, and leaves a database that opens', async () => {
    const env = { DORA_LISTEN: '127.0.0.1:0', DORA_DATABASE: join(temporaryFolder(), 'dora.db') };
    const seen = new Set<string>();
    for (let waitMs = 0; waitMs < 600; waitMs += 75) {
      const { child, exited, output } = spawnExporter(env);
      await delay(waitMs);
      const began = performance.now();
      child.kill('SIGTERM');
      const { code, signal } = await exited;
      expect(performance.now() - began).toBeLessThan(longestStopMs);
      // Before the process has come to its own code, the system ends it.
      expect([code, signal]).toEqual(output() === '' ? [null, 'SIGTERM'] : [0, null]);
      seen.add(String(code));
    }
    const begun = spawnExporter(env);
    await expect.poll(begun.output, { interval: 1 }).toContain('exporter starts');
    begun.child.kill('SIGTERM');
    expect((await begun.exited).code).toBe(0);

    const exporter = await startExporter(env);
    expect((await exporter.post(reportOf(1))).status).toBe(202);
    expect((await stop(exporter)).code).toBe(0);
  });
});

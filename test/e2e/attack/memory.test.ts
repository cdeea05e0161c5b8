import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startHonestUsers, startTarget } from '../../support/attack.ts';
import { withinMemory } from '../../support/memory-limit.ts';

const limitBytes = 512 * 1024 * 1024;
const mostMb = 300;
/** A minute by hand: `DORA_TEST_ATTACK_SECONDS=60`. */
const attackSeconds = Number(process.env['DORA_TEST_ATTACK_SECONDS'] ?? 8);
const senders = new URL('../../support/body-senders.ts', import.meta.url).pathname;

describe('in 512 MiB of memory', () => {
  it.each([
    ['without a secret', '-'],
    ['with a wrong secret', 'Authorization: Bearer wrong'],
    ['with a wrong signature', `X-Hub-Signature-256: sha256=${'0'.repeat(64)}`],
  ])(
    'lives through 800 connections that send bodies of 1 MiB %s, and honest webhooks pass meanwhile',
    async (_, header) => {
      const target = await startTarget({ DORA_LOG_LEVEL: 'info' }, withinMemory(limitBytes));
      const honest = startHonestUsers(target);
      await delay(500);
      const attack = spawn(process.execPath, [senders, String(target.port), '800', header], {
        stdio: 'inherit',
      });
      onTestFinished(() => void attack.kill('SIGKILL'));
      await delay(attackSeconds * 1000);
      const { webhooks, scrapes } = await honest.stop();
      attack.kill('SIGKILL');

      expect(target.child.exitCode).toBe(null);
      expect([...new Set(webhooks.answers)]).toEqual([202]);
      expect([...new Set(scrapes.answers)]).toEqual([200]);
      expect(target.peakMb()).toBeLessThan(mostMb);
      expect((await fetch(`${target.url}/readyz`)).status).toBe(200);
    },
  );

  it('lives through lists of 5 MB with rows of a wrong shape, and honest webhooks pass meanwhile', async () => {
    const rows = `[${'{},'.repeat(1_700_000)}{}]`;
    let lists = 0;
    const woodpecker = createServer((asked, response) => {
      const path = new URL(asked.url ?? '/', 'http://localhost').pathname;
      if (path === '/api/user') return void response.end('{"id":1,"login":"someone","admin":false}');
      if (!path.startsWith('/api/')) return void response.writeHead(404).end();
      lists++;
      response.setHeader('content-type', 'application/json').end(rows);
    });
    await new Promise<void>((resolve) => woodpecker.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void woodpecker.close());
    const { port } = woodpecker.address() as AddressInfo;
    const target = await startTarget(
      {
        DORA_LOG_LEVEL: 'info',
        DORA_WOODPECKER_URL: `http://127.0.0.1:${port}`,
        DORA_WOODPECKER_TOKEN: 'a-token',
        DORA_RECONCILE_INTERVAL: '1s',
      },
      withinMemory(limitBytes),
    );
    const honest = startHonestUsers(target);
    await delay(attackSeconds * 1000);
    await expect.poll(() => lists).toBeGreaterThan(1);
    const { webhooks, scrapes } = await honest.stop();

    expect(target.child.exitCode).toBe(null);
    expect([...new Set(webhooks.answers)]).toEqual([202]);
    expect([...new Set(scrapes.answers)]).toEqual([200]);
    expect(target.peakMb()).toBeLessThan(mostMb);
  });
});

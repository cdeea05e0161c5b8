import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Caller,
  canary,
  dialMany,
  flood,
  requestText,
  signed,
  startTarget,
  statusesIn,
  webhookText,
} from '../../support/attack.ts';
import { report, withstand } from '../../support/withstand.ts';

const wrongSignature = { 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` };

async function waitWhile(isGoingOn: () => boolean, mostMs: number): Promise<void> {
  const end = performance.now() + mostMs;
  while (isGoingOn() && performance.now() < end) await delay(50);
}

describe('connections', () => {
  it('of ten thousand that say nothing are held but some hundreds', async () => {
    const target = await startTarget();
    let peakFiles = 0;
    await withstand(target, async () => {
      const callers: Caller[] = [];
      for (let some = 0; some < 20; some++) {
        const idle = await dialMany(target.port, 500);
        // Some had a use once, and are kept.
        for (const { socket } of idle.filter((_, index) => index % 5 === 0))
          socket.write(requestText('GET /healthz'));
        callers.push(...idle);
        peakFiles = Math.max(peakFiles, target.openFiles());
      }
      const open = () => callers.filter((caller) => !caller.isClosed()).length;
      await expect.poll(open).toBeLessThanOrEqual(800);
      expect(open()).toBeGreaterThan(500);
      for (const { socket } of callers) socket.destroy();
    });
    expect(peakFiles).toBeLessThan(900);
  });

  it('of slow senders and slow readers end in time, or when others come', async () => {
    const target = await startTarget();
    const names = Array.from({ length: 200 }, (_, index) => webhookText(report(`acme/shop-${index}`, 1)));
    expect(await flood(target.port, names)).toEqual(new Map([[202, names.length]]));
    await withstand(target, async () => {
      const senders = await dialMany(target.port, 240);
      const beginnings = [
        `GET /healthz HTTP/1.1\r\nHost: a\r\nX-${canary}: `,
        requestText('POST /webhook', { ...wrongSignature, 'content-length': 5000 }),
        requestText('POST /webhook', { ...signed.bearer(), 'transfer-encoding': 'chunked' }),
      ];
      for (const [index, { socket }] of senders.entries()) socket.write(beginnings[index % 3] ?? '');
      const dribbling = setInterval(() => {
        for (const [index, { socket }] of senders.entries()) {
          if (socket.writable) socket.write(index % 3 === 2 ? '1\r\n[\r\n' : '[');
        }
      }, 500);
      onTestFinished(() => clearInterval(dribbling));
      const readers = await dialMany(target.port, 300);
      const read = ({ socket }: Caller, index: number) =>
        socket.pause().write(requestText(index % 2 === 0 ? 'GET /metrics' : 'GET /').repeat(6));
      readers.forEach(read);
      const isOpen = ({ isClosed }: Caller) => !isClosed();
      await waitWhile(() => senders.some(isOpen), 26_000);
      expect(senders.filter(isOpen).length).toBe(0);
      // More than are let in, so that others have to give way to honest users.
      const more = await dialMany(target.port, 700);
      await expect.poll(() => target.openFiles()).toBeGreaterThan(700);
      // From here on, some are cut off because all answers that nobody takes are too many bytes together.
      more.forEach(read);
      await delay(2_000);
      expect(target.openFiles()).toBeLessThan(900);
      for (const { socket } of [...readers, ...more]) socket.destroy();
    });
  });

  it('that send requests by the thousand ahead of the answers are cut off, or answered in turn', async () => {
    const target = await startTarget();
    await withstand(target, async () => {
      const body = report(`acme/${canary}`, 1);
      const callers = await dialMany(target.port, 24);
      const [metrics, page, posts] = [callers.slice(0, 10), callers.slice(10, 20), callers.slice(20)];
      for (const { socket } of metrics) socket.write(requestText('GET /metrics').repeat(1_000));
      for (const { socket } of page) socket.write(requestText('GET /').repeat(1_000));
      for (const { socket } of posts)
        socket.write(requestText('POST /webhook', wrongSignature, body).repeat(1_000));
      await Promise.race([delay(15_000), Promise.all([...metrics, ...page].map(({ closed }) => closed))]);
      expect([...metrics, ...page].filter(({ isClosed }) => !isClosed()).length).toBe(0);
      for (const { received } of posts) {
        await expect.poll(() => statusesIn(received()).length).toBe(1_000);
        expect(new Set(statusesIn(received()))).toEqual(new Set([401]));
      }
      for (const { socket } of callers) socket.destroy();
    });
  });
});

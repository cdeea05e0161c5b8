import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConnectionLimits, limitConnections } from '../../src/http/connections.ts';

const roomy = { requestsAhead: 100, unreadBytes: 1e9, unreadMs: 1e9, sweepMs: 20 };

/** A server that keeps to `most` connections; `/slow` is not answered before `letGo`, `/big` is more than buffers hold. */
async function start(most: number, limits: Partial<ConnectionLimits> = {}) {
  const gate = Promise.withResolvers<void>();
  const seen = { connections: 0, requests: 0, answers: 0 };
  const server = createServer(async (request, response) => {
    seen.requests++;
    response.once('prefinish', () => seen.answers++);
    request.resume();
    await new Promise((resolve) => request.once('end', resolve));
    if (request.url === '/slow') await gate.promise;
    response.end(request.url === '/big' ? Buffer.alloc(32 * 1024 * 1024) : 'OK');
  });
  limitConnections(server, { ...roomy, connections: most, ...limits });
  server.on('connection', () => seen.connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const openCount = () =>
    new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  /** Waits until the server has seen so many connections, requests or answers, all together. */
  const hasSeen = (what: keyof typeof seen, count: number) => expect.poll(() => seen[what]).toBe(count);
  const dialSeen = async () => {
    const before = seen.connections;
    const dialed = await dial(port);
    await hasSeen('connections', before + 1);
    return dialed;
  };
  return { url: `http://127.0.0.1:${port}`, dial: dialSeen, letGo: gate.resolve, openCount, hasSeen };
}

async function dial(port: number): Promise<{ socket: Socket; isClosed: () => boolean; text: () => string }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let [isClosed, text] = [false, ''];
  socket
    .on('error', () => undefined)
    .once('close', () => {
      isClosed = true;
    });
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, isClosed: () => isClosed, text: () => text };
}

const head = (path: string, rest = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${rest}\r\n`;

describe('limitConnections', () => {
  it('closes the connection that has been silent for the longest for a new one', async () => {
    const { dial, url } = await start(3);
    const first = await dial();
    const second = await dial();
    // It has said something since, and is silent for a shorter time than the second.
    first.socket.write(head('/'));
    await expect.poll(first.text).toContain('OK');
    const third = await dial();
    const fourth = await dial();
    await expect.poll(second.isClosed).toBe(true);
    expect([first, third, fourth].map(({ isClosed }) => isClosed())).toEqual([false, false, false]);
    expect((await fetch(url)).status).toBe(200);
  });

  it('closes one whose request does not arrive, where none is silent', async () => {
    const { dial, url, hasSeen } = await start(2);
    const slowSenders = [await dial(), await dial()];
    for (const { socket } of slowSenders) socket.write(head('/', 'Content-Length: 100\r\n'));
    await hasSeen('requests', 2);
    expect((await fetch(url)).status).toBe(200);
    await expect.poll(() => slowSenders.map(({ isClosed }) => isClosed())).toEqual([true, false]);
  });

  it('lets what is being answered be, and refuses the new one', async () => {
    const { dial, url, letGo, hasSeen } = await start(1);
    const busy = await dial();
    busy.socket.write(head('/slow'));
    await hasSeen('requests', 1);
    await expect(fetch(url)).rejects.toThrow();
    letGo();
    await expect.poll(busy.text).toContain('OK');
    expect((await fetch(url)).status).toBe(200);
  });

  it('closes first, for a new one, a connection that asks again before it was answered', async () => {
    const { dial, url, hasSeen } = await start(2);
    const silent = await dial();
    const hasty = await dial();
    hasty.socket.write(head('/slow').repeat(2));
    await hasSeen('requests', 2);
    expect((await fetch(url)).status).toBe(200);
    await expect.poll(hasty.isClosed).toBe(true);
    expect(silent.isClosed()).toBe(false);
  });

  it('cuts off who asks for more before it was answered than it may', async () => {
    const { dial } = await start(5, { requestsAhead: 3 });
    const [modest, greedy] = [await dial(), await dial()];
    modest.socket.write(head('/slow').repeat(3));
    greedy.socket.write(head('/slow').repeat(4));
    await expect.poll(greedy.isClosed).toBe(true);
    expect(modest.isClosed()).toBe(false);
  });

  it('closes one that does not take its answer, for a new one', async () => {
    const { dial, url, openCount, hasSeen } = await start(1);
    const reader = await dial();
    reader.socket.pause().write(head('/big'));
    await hasSeen('answers', 1);
    expect((await fetch(url)).status).toBe(200);
    expect(await openCount()).toBe(1);
  });

  it('waits no longer for an answer to be taken than it should, nor for more of them than it can hold', async () => {
    const slowly = await start(5, { unreadMs: 300 });
    const reader = await slowly.dial();
    reader.socket.pause().write(head('/big'));
    expect(await slowly.openCount()).toBe(1);
    await expect.poll(slowly.openCount).toBe(0);

    const largely = await start(5, { unreadBytes: 50 * 1024 * 1024 });
    for (let i = 0; i < 3; i++) (await largely.dial()).socket.pause().write(head('/big'));
    await expect.poll(largely.openCount).toBe(1);
  });

  it('gives up the answer that began first, even if another connection is older', async () => {
    const { dial, openCount, hasSeen } = await start(5, { unreadBytes: 50 * 1024 * 1024, sweepMs: 500 });
    const [older, newer] = [await dial(), await dial()];
    newer.socket.pause().write(head('/big'));
    await hasSeen('answers', 1);
    older.socket.pause().write(head('/big'));
    await hasSeen('answers', 2);
    await expect.poll(openCount).toBe(1);
    older.socket.resume();
    await expect.poll(() => older.text().length).toBeGreaterThan(32 * 1024 * 1024);
  });
});

import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { limitConnections } from '../../src/http/connections.ts';

/** A server that keeps to `most` connections; `/slow` is not answered before `letGo`. */
async function start(most: number) {
  const gate = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    request.resume();
    await new Promise((resolve) => request.once('end', resolve));
    if (request.url === '/slow') await gate.promise;
    response.end('OK');
  });
  limitConnections(server, most);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, dial: () => dial(port), letGo: gate.resolve };
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
  await delay(20);
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
    const { dial, url } = await start(2);
    const slowSenders = [await dial(), await dial()];
    for (const { socket } of slowSenders) socket.write(head('/', 'Content-Length: 100\r\n'));
    await delay(20);
    expect((await fetch(url)).status).toBe(200);
    await expect.poll(() => slowSenders.map(({ isClosed }) => isClosed())).toEqual([true, false]);
  });

  it('lets what is being answered be, and refuses the new one', async () => {
    const { dial, url, letGo } = await start(1);
    const busy = await dial();
    busy.socket.write(head('/slow'));
    await delay(20);
    await expect(fetch(url)).rejects.toThrow();
    letGo();
    await expect.poll(busy.text).toContain('OK');
    expect((await fetch(url)).status).toBe(200);
  });
});

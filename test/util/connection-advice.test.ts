/** What the log says if an address is nearly right: the real client against real sockets that answer as real servers do. */

import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeError } from '../../src/util/log.ts';
import { createWoodpeckerClient } from '../../src/woodpecker/client.ts';
import { freePort } from '../support/free-port.ts';

const { signal } = new AbortController();

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is logged of a request to `url`. */
async function troubleAt(url: string): Promise<string> {
  const client = createWoodpeckerClient({ url, token: 'secret', sleep: async () => undefined });
  return client.user(signal).then(
    () => 'no trouble',
    (error) => describeError(error),
  );
}

describe('a request to an address that is nearly right', () => {
  it('names the address that it is redirected to, without a query', async () => {
    const host = await listen((request, response) => {
      response.writeHead(301, { location: `https://ci.example.com${request.url}?token=abc` }).end();
    });
    expect(await troubleAt(`http://${host}`)).toBe(
      'Woodpecker redirects to https://ci.example.com: set the URL to that',
    );
  });

  it('names what stands before Woodpecker if that wants a login', async () => {
    const host = await listen((_, response) => {
      response.writeHead(302, { location: '/oauth2/start?rd=%2Fapi%2Fuser' }).end();
    });
    expect(await troubleAt(`http://${host}`)).toBe(
      `Woodpecker redirects to http://${host}/oauth2/start: check what stands before it, such as a login`,
    );
  });

  it('says that the server speaks http, if it is asked over https', async () => {
    const host = await listen((_, response) => void response.end());
    expect(await troubleAt(`https://${host}`)).toBe(
      'Woodpecker gave no usable answer to /api/user: it speaks http, not https: change the URL',
    );
  });

  it.each([
    ['Go', 'Client sent an HTTP request to an HTTPS server.'],
    ['nginx', '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>'],
    ['Apache', "Reason: You're speaking plain HTTP to an SSL-enabled server port."],
  ])('says that the server speaks https, if it is asked over http, as %s answers', async (_, text) => {
    const server = createTcpServer((socket) => {
      socket.once('data', () =>
        socket.end(`HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n${text}`),
      );
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await troubleAt(`http://127.0.0.1:${port}`)).toBe(
      'Woodpecker speaks https, not http: change the URL',
    );
  });

  it('says once why nobody answers', async () => {
    const port = await freePort();
    expect(await troubleAt(`http://127.0.0.1:${port}`)).toBe(
      `Woodpecker gave no usable answer to /api/user: fetch failed (connect ECONNREFUSED 127.0.0.1:${port})`,
    );
  });
});

/**
 * What the log says if an address is nearly right. The real client talks to real sockets that answer as real
 * servers do.
 */

import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/util/clock.ts';
import { createLog, describeError } from '../../src/util/log.ts';
import { createWoodpeckerClient } from '../../src/woodpecker/client.ts';
import { createWoodpeckerHealth } from '../../src/woodpecker/health.ts';
import { freePort } from '../support/free-port.ts';

const { signal } = new AbortController();

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The error of a request to `url`. The health of Woodpecker must report the same in the log and on the page. */
async function troubleAt(url: string): Promise<string> {
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line));
  const health = createWoodpeckerHealth(systemClock, log, () => undefined);
  const client = createWoodpeckerClient({
    url,
    token: 'secret',
    sleep: async () => undefined,
    onRequest: health.note,
  });
  const trouble = await client.user(signal).then(
    () => 'no trouble',
    (error) => describeError(error),
  );
  expect(health.trouble).toBe(`Woodpecker gives no usable answer; will keep trying. ${trouble}`);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(JSON.stringify(trouble));
  return trouble;
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

  it('says that the server redirects to itself', async () => {
    const host = await listen((request, response) => {
      response.writeHead(302, { location: `${request.url}` }).end();
    });
    expect(await troubleAt(`http://${host}/ci`)).toBe(
      `Woodpecker redirects to itself, http://${host}/ci/api/user: check the proxy before it`,
    );
  });

  it('names the path that Woodpecker is served at', async () => {
    const host = await listen((request, response) => {
      response.writeHead(308, { location: `/ci${request.url}` }).end();
    });
    expect(await troubleAt(`http://${host}`)).toBe(
      `Woodpecker redirects to http://${host}/ci: set the URL to that`,
    );
  });

  it.each([
    [
      'a login',
      '<!DOCTYPE html><html><head><meta charset="utf-8"><title>\n Sign in\n</title></head></html>',
      'a page, "Sign in", in place of JSON: check the URL and the proxy before it, which may demand a login',
    ],
    [
      "Woodpecker's own web interface",
      '<!doctype html><html><head><title>Woodpecker</title></head><body></body></html>',
      'a page, "Woodpecker", in place of JSON: check that the URL is Woodpecker\'s root',
    ],
    [
      'a very long page without a title',
      '<html>'.repeat(100_000),
      '"text/html; charset=utf-8", not JSON: check the URL and the proxy before it',
    ],
  ])('names the page that answers with 200: %s', async (_, page, what) => {
    const host = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    });
    expect(await troubleAt(`http://${host}`)).toBe(`Woodpecker answered /api/user with ${what}`);
  });

  it('names the login page of a proxy before Woodpecker', async () => {
    const host = await listen((_, response) => {
      response.writeHead(302, { location: '/oauth2/start?rd=%2Fapi%2Fuser' }).end();
    });
    expect(await troubleAt(`http://${host}`)).toBe(
      `Woodpecker redirects to http://${host}/oauth2/start: check the proxy before it, which may demand a login`,
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

  it('gives the reason once if nobody answers', async () => {
    const port = await freePort();
    expect(await troubleAt(`http://127.0.0.1:${port}`)).toBe(
      `Woodpecker gave no usable answer to /api/user: fetch failed (connect ECONNREFUSED 127.0.0.1:${port})`,
    );
  });
});

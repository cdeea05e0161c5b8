import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Hono } from 'hono';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type EndedRequest, listen, type Server } from '../../src/http/server.ts';
import { hasIpv6Loopback } from '../support/loopback.ts';
import { createSmallExporter, webhookSecret } from '../support/small-exporter.ts';

async function start(app: Hono): Promise<Server> {
  const server = await listen(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close(0));
  return server;
}

/** An app whose `/slow` answers when it is let. */
function createSlowApp() {
  const { promise, resolve } = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const app = new Hono()
    .get('/', (c) => c.text('OK'))
    .get('/slow', async (c) => {
      arrived.resolve();
      await promise;
      return c.text('done');
    });
  return { app, arrived: arrived.promise, letGo: resolve };
}

/** A request on a connection that is kept afterwards. */
function get(server: Server, path: string, agent: Agent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { host, port } = server;
    request({ host, port, path, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

function keptAlive(): Agent {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** A bare connection: what is sent is up to the test. */
async function dial(
  server: Server,
): Promise<{ socket: Socket; received: () => string; closed: Promise<void> }> {
  const socket = connect(server.port, server.host);
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return { socket, received: () => text, closed };
}

async function msOf(work: Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work;
  return performance.now() - began;
}

describe('listen', () => {
  it('tells the port that the system picked, and answers there', async () => {
    const server = await start(createSlowApp().app);
    expect(server.host).toBe('127.0.0.1');
    expect(server.port).toBeGreaterThan(0);
    expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe('OK');
  });

  it.each(hasIpv6Loopback ? ['127.0.0.1', '::1'] : ['127.0.0.1'])(
    'tells its address on %s as it stands in a URL',
    async (host) => {
      const server = await listen(createSlowApp().app, { host, port: 0 });
      onTestFinished(() => server.close(0));
      expect(server.address).toBe(`${host === '::1' ? '[::1]' : host}:${server.port}`);
      expect(await (await fetch(`http://${server.address}/`)).text()).toBe('OK');
    },
  );

  it('rejects where the address is taken', async () => {
    const { port } = await start(createSlowApp().app);
    const second = listen(createSlowApp().app, { host: '127.0.0.1', port });
    await expect(second).rejects.toThrow(/EADDRINUSE/);
  });

  it('rejects where the address is not one of this machine', async () => {
    await expect(listen(new Hono(), { host: '192.0.2.1', port: 0 })).rejects.toThrow(/EADDRNOTAVAIL/);
  });
});

describe('close', () => {
  it('is quick where nothing is going on', async () => {
    const server = await start(createSlowApp().app);
    expect(await msOf(server.close(10_000))).toBeLessThan(4000);
  });

  it('ends idle connections at once, though their client would keep them', async () => {
    const server = await start(createSlowApp().app);
    const agent = keptAlive();
    await Promise.all([get(server, '/', agent), get(server, '/', agent)]);
    await delay(50);
    expect(Object.values(agent.freeSockets).flat().length).toBe(2);
    expect(await msOf(server.close(10_000))).toBeLessThan(4000);
  });

  it('lets a request in flight end, takes no new one meanwhile, and is done soon after', async () => {
    const { app, arrived, letGo } = createSlowApp();
    const server = await start(app);
    const inFlight = get(server, '/slow', keptAlive());
    await arrived;
    let isClosed = false;
    const closing = server.close(10_000).then(() => {
      isClosed = true;
    });
    await delay(150);
    expect(isClosed).toBe(false);
    await expect(get(server, '/', new Agent())).rejects.toThrow(/ECONNREFUSED/);
    letGo();
    expect(await inFlight).toEqual({ status: 200, text: 'done' });
    expect(await msOf(closing)).toBeLessThan(4000);
  });

  it('lets a slow reader have its whole answer', async () => {
    const text = 'x'.repeat(20_000_000);
    const server = await start(
      new Hono().get('/', (c) => c.body(text, 200, { 'content-length': '20000000' })),
    );
    const { socket, received, closed } = await dial(server);
    socket.pause().write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await delay(200);
    const closing = server.close(10_000);
    await delay(200);
    socket.resume();
    await closed;
    expect(received().split('\r\n\r\n')[1]?.length).toBe(text.length);
    expect(await msOf(closing)).toBeLessThan(4000);
  });

  it('ends after its grace what does not end by itself', async () => {
    const { app, arrived } = createSlowApp();
    const server = await start(app);
    const inFlight = get(server, '/slow', keptAlive());
    const failed = expect(inFlight).rejects.toThrow(/socket hang up|ECONNRESET/);
    await arrived;
    const ms = await msOf(server.close(300));
    expect(ms).toBeGreaterThan(250);
    expect(ms).toBeLessThan(4000);
    await failed;
  });

  it('ends after its grace a request that is still arriving', async () => {
    const server = await start(createSlowApp().app);
    const { socket, closed } = await dial(server);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Half');
    await delay(50);
    expect(await msOf(server.close(300))).toBeLessThan(4000);
    await closed;
  });
});

describe('what is told of each request', () => {
  it('is its method, path, status and time, and nothing that may be a secret', async () => {
    const told: EndedRequest[] = [];
    const app = new Hono().get('/here', (c) => c.text('OK'));
    const server = await listen(app, { host: '127.0.0.1', port: 0 }, (request) => told.push(request));
    onTestFinished(() => server.close(0));
    const url = `http://127.0.0.1:${server.port}`;
    await (await fetch(`${url}/here?token=hunter22`, { headers: { authorization: 'hunter23' } })).text();
    await (await fetch(`${url}/${'x'.repeat(500)}`, { method: 'POST', body: 'hunter24' })).text();
    await expect.poll(() => told.length).toBe(2);
    expect(told).toEqual([
      { method: 'GET', path: '/here', status: 200, ms: expect.any(Number) },
      { method: 'POST', path: 'unknown', status: 404, ms: expect.any(Number) },
    ]);
  });
});

describe('the app behind the server', () => {
  it.each(['/healthz', '/-/healthy', '/readyz', '/metrics', '/', '/api/openapi.json'])(
    'answers GET %s of HTTP/1.0 without a Host, as load balancers ask',
    async (path) => {
      const server = await start((await createSmallExporter()).app());
      for (const head of ['', 'Host: \r\n']) {
        const { socket, received, closed } = await dial(server);
        socket.write(`GET ${path} HTTP/1.0\r\n${head}\r\n`);
        await closed;
        expect(received()).toMatch(/^HTTP\/1\.1 200 /);
      }
    },
  );

  it('takes a webhook of HTTP/1.0 without a Host', async () => {
    const server = await start((await createSmallExporter()).app());
    const { socket, received, closed } = await dial(server);
    const body = JSON.stringify({ repo: 'acme/shop', number: 1, status: 'success', event: 'push' });
    socket.write(
      `POST /webhook HTTP/1.0\r\nAuthorization: Bearer ${webhookSecret}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 202 /);
  });

  it('stops an upload without end by 413, long before it has come in', async () => {
    const exporter = await createSmallExporter();
    const server = await start(exporter.app());
    const { socket, received, closed } = await dial(server);
    socket.write(
      `POST /webhook HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${webhookSecret}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    let isClosed = false;
    closed.then(() => {
      isClosed = true;
    });
    const piece = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    let sent = 0;
    while (!isClosed && sent < 100 * 1024 * 1024) {
      sent += piece.length;
      if (!socket.write(piece))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
      await delay(0);
    }
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(received().toLowerCase()).toContain('\r\nconnection: close\r\n');
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect(exporter.events).toEqual(['webhook rejected']);
  });

  it('answers what is no good HTTP with a client’s error, and goes on', async () => {
    const exporter = await createSmallExporter();
    const server = await start(exporter.app());
    const host = 'Host: localhost\r\n';
    const broken = [
      'nonsense\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: [::\r\n\r\n',
      `GET http://[/ HTTP/1.1\r\n${host}\r\n`,
      `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
      `GET /%zz HTTP/1.1\r\n${host}\r\n`,
      `GET //healthz HTTP/1.1\r\n${host}\r\n`,
      `GET /healthz HTTP/1.1\r\n${host}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
      `POST /webhook HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
      `POST /webhook HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `POST /webhook HTTP/1.1\r\n${host}Content-Length: 99999999999\r\n\r\n{}`,
    ];
    for (const text of broken) {
      const { socket, received } = await dial(server);
      socket.write(text, 'latin1');
      await expect.poll(received, { interval: 5 }).toMatch(/^HTTP\/1\.1 4\d\d /);
      socket.destroy();
    }
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
    expect(exporter.faults).toEqual([]);
  });
});

/**
 * Listens on an address: a Node server around an app. It limits the time in which a request must arrive and the connections,
 * and sets security headers for browsers.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { limitConnections } from './connections.ts';

export interface Server {
  readonly host: string;
  /** The port in use, also if port 0 was requested. */
  readonly port: number;
  /** Host and port in the form of a URL. */
  readonly address: string;
  /** Accepts no more connections, waits for open requests for at most `graceMs`, then closes all connections. */
  close(graceMs: number): Promise<void>;
}

const connectionLimits = {
  /** Below the usual limit of 1,024 open files for a process. */
  connections: 800,
  /** Senders of webhooks, scrapers and browsers wait for an answer before they send the next request. */
  requestsAhead: 16,
  unreadBytes: 64 * 1024 * 1024,
  /** Longer than the time-out of a scrape by Prometheus's own settings. */
  unreadMs: 60_000,
  sweepMs: 1_000,
};
/**
 * Most connections that the system queues until they are accepted. With Node's 511, a burst of connections could make an
 * honest sender wait for a second or more, until its next try. The system may allow fewer.
 */
const waitingConnections = 4_096;
const mostHeaders = 100;
const longestReportedPath = 200;
/** Headers of every answer; a page may replace them. */
const securityHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
] as const;

/** A request that was answered or aborted. */
export interface EndedRequest {
  readonly method: string;
  /** Path without the query, which may contain a secret; `unknown` if the answer is 404. */
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** Rejects if it cannot listen on the address. */
export async function listen(
  app: Pick<Hono, 'fetch'>,
  address: { readonly host: string; readonly port: number },
  onRequest?: (request: EndedRequest) => void,
): Promise<Server> {
  // HTTP/1.0 has no Host header, and some load balancers use it for health checks.
  const answer = getRequestListener(app.fetch, { hostname: 'localhost' });
  const server = createServer({
    headersTimeout: 10_000,
    connectionsCheckingInterval: 2_000,
    requestTimeout: 20_000,
    // Longer than proxies keep idle connections, so that they do not send a request when this server closes one.
    keepAliveTimeout: 65_000,
  });
  server.maxHeadersCount = mostHeaders;
  limitConnections(server, connectionLimits);
  server.on('request', (request, response) => {
    // The connection is closed, but further requests had arrived together with the last one.
    if (request.socket.destroyed) return;
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    if (onRequest) reportEnd(request, response, onRequest);
    // HTTP/0.9: no ordinary client uses it, and its answers have no status.
    if (request.httpVersionMajor < 1) {
      response.writeHead(400, { connection: 'close' }).end();
      return;
    }
    void answer(request, response);
  });
  await once(server.listen({ ...address, backlog: waitingConnections }), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: address.host,
    port,
    address: `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${port}`,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection becomes idle after its last answer, so this closes idle ones repeatedly.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const end = setTimeout(() => server.closeAllConnections(), graceMs);
      server.closeIdleConnections();
      await closed;
      clearInterval(sweep);
      clearTimeout(end);
    },
  };
}

/** Calls `onRequest` when the response is closed. */
function reportEnd(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  onRequest: (request: EndedRequest) => void,
): void {
  const began = performance.now();
  response.once('close', () => {
    const { statusCode: status } = response;
    const path = status === 404 ? 'unknown' : (url.split('?', 1)[0] ?? '').slice(0, longestReportedPath);
    onRequest({ method, path, status, ms: Math.round(performance.now() - began) });
  });
}

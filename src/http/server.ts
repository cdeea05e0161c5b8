/**
 * Listening on an address: the Node server around an app, with limits on how long a request may take to arrive, how many
 * connections are held, and headers that keep a browser from making anything of an answer but what it is.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { limitConnections } from './connections.ts';
import { keepUntakenAnswers } from './idle-connections.ts';

export interface Server {
  readonly host: string;
  /** The one in use, where 0 was asked for. */
  readonly port: number;
  /** Both, as they stand in a URL. */
  readonly address: string;
  /** Stops accepting, lets requests in flight finish for at most `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>;
}

const connectionLimits = {
  /** Under the 1,024 files that a process may have open where nobody has asked for more. */
  connections: 800,
  /** Senders of webhooks, scrapers and browsers wait for one answer before they ask for the next. */
  requestsAhead: 16,
  untakenBytes: 64 * 1024 * 1024,
  /** Longer than a scrape may take by Prometheus' own settings. */
  untakenMs: 60_000,
  sweepMs: 1_000,
};
/**
 * Connections that the system holds until they are accepted. Beyond Node's 511, a burst of others would make an honest
 * sender wait a second or more, until it tries again. The system may allow fewer.
 */
const waitingConnections = 4_096;
const mostHeaders = 100;
const longestPathTold = 200;
/** Of every answer; a page may say more of itself. */
const securityHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
] as const;

/** A request that was answered or given up. Of its address only the path of a route: all else may be a secret. */
export interface EndedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** Rejects if the address cannot be listened on. */
export async function listen(
  app: Pick<Hono, 'fetch'>,
  address: { readonly host: string; readonly port: number },
  onRequest?: (request: EndedRequest) => void,
): Promise<Server> {
  // HTTP/1.0 knows no Host header, and load balancers still use it to check health.
  const answer = getRequestListener(app.fetch, { hostname: 'localhost' });
  const server = createServer({
    headersTimeout: 10_000,
    connectionsCheckingInterval: 2_000,
    requestTimeout: 20_000,
    // Longer than proxies keep an idle connection, so that they do not meet one that is just being closed.
    keepAliveTimeout: 65_000,
  });
  server.maxHeadersCount = mostHeaders;
  limitConnections(server, connectionLimits);
  keepUntakenAnswers(server);
  server.on('request', (request, response) => {
    // Cut off, but more of its requests had come in with the last.
    if (request.socket.destroyed) return;
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    if (onRequest) tellOfEnd(request, response, onRequest);
    // HTTP/0.9: nobody with a right to be here speaks it, and its answers have no status.
    if (request.httpVersionMajor < 1) {
      response.writeHead(400, { connection: 'close' }).end();
      return;
    }
    void answer(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, backlog: waitingConnections }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: address.host,
    port,
    address: `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${port}`,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection becomes idle only after its request: those are swept again and again.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const end = setTimeout(() => server.closeAllConnections(), graceMs);
      server.closeIdleConnections();
      await closed;
      clearInterval(sweep);
      clearTimeout(end);
    },
  };
}

function tellOfEnd(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  onRequest: (request: EndedRequest) => void,
): void {
  const began = performance.now();
  response.once('close', () => {
    const { statusCode: status } = response;
    const path = status === 404 ? 'unknown' : (url.split('?', 1)[0] ?? '').slice(0, longestPathTold);
    onRequest({ method, path, status, ms: Math.round(performance.now() - began) });
  });
}

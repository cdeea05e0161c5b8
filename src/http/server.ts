/** Listening on an address: the Node server around an app, with limits on how long a request may take to arrive. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';

export interface Server {
  readonly host: string;
  /** The one in use, where 0 was asked for. */
  readonly port: number;
  /** Stops accepting, lets requests in flight finish for at most `graceMs`, then closes what is left. */
  close(graceMs: number): Promise<void>;
}

/** Rejects where the address cannot be listened on. */
export async function listen(app: Hono, address: { host: string; port: number }): Promise<Server> {
  const server = createServer(
    {
      headersTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
      requestTimeout: 20_000,
      // Longer than proxies keep an idle connection, so that they do not meet one that is just being closed.
      keepAliveTimeout: 65_000,
    },
    getRequestListener(app.fetch),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: address.host,
    port,
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

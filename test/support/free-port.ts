/** A port for programs that cannot pick a free port and report it. */

import { createServer } from 'node:net';

/** Returns a port that is free on loopback now; another program may take it first. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

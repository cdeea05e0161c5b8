/** A port for programs that cannot be told to pick one and say which. */

import { createServer } from 'node:net';

/** Free on loopback now; another program may be faster. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

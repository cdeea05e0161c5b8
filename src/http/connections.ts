/**
 * How many connections are held open at once. One more than that, and one is closed for it: the one that has been silent
 * for the longest, else the one whose request has been arriving for the longest. So neither idle connections nor slow
 * senders, however many, keep anybody out who sends at once.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Keeps `server` to `most` connections; where all are being answered, a new one is refused. */
export function limitConnections(server: Server, most: number): void {
  /** Both in the order in which they came to be so. */
  const silent = new Set<Socket>();
  const arriving = new Set<Socket>();
  let open = 0;

  const fallSilent = (socket: Socket): void => {
    silent.delete(socket);
    if (!socket.destroyed) silent.add(socket);
  };
  server.on('connection', (socket: Socket) => {
    open++;
    socket.once('close', () => {
      open--;
      silent.delete(socket);
      arriving.delete(socket);
    });
    if (open > most) {
      const longest = firstOf(silent) ?? firstOf(arriving) ?? socket;
      longest.destroy();
    }
    fallSilent(socket);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    silent.delete(socket);
    arriving.add(socket);
    request.once('end', () => arriving.delete(socket));
    response.once('close', () => {
      arriving.delete(socket);
      fallSilent(socket);
    });
  });
}

function firstOf<T>(values: ReadonlySet<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

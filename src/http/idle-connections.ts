/** Closes the idle connections of a server that stops. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Replaces the server's `closeIdleConnections`, which `close` also calls. Node's own treats a connection as idle when its
 * answer is written, although the client may not have read the whole answer. Call it before the server gets its request
 * handler.
 */
export function keepUnreadAnswers(server: Server): void {
  const connections = new Map<Socket, { answers: number; answeredBytes: number }>();
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { answers: 0, answeredBytes: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = connections.get(socket);
    if (!connection) return;
    connection.answers++;
    response.once('close', () => {
      connection.answers--;
      connection.answeredBytes = socket.bytesRead;
    });
  });
  server.closeIdleConnections = () => {
    for (const [socket, { answers, answeredBytes }] of connections) {
      // More bytes than at the end of the last answer mean that the next request is arriving.
      if (answers === 0 && socket.bytesRead === answeredBytes) socket.destroy();
    }
  };
}

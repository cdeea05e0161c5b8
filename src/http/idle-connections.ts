/** Closing the connections of a server that is about to stop, but for those with something under way. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Replaces `closeIdleConnections`, which `close` calls too. Node's own takes a connection for idle as soon as its answer was
 * written, and so cuts off whoever has not read it to its end. Listens to requests before whoever answers them.
 */
export function keepUntakenAnswers(server: Server): void {
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
      // More bytes than the last request had: the next one is arriving.
      if (answers === 0 && socket.bytesRead === answeredBytes) socket.destroy();
    }
  };
}

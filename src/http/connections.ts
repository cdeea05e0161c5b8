/**
 * Limits connections: their number, the unanswered requests of each, and the bytes of answers that clients have not read.
 *
 * If a new connection exceeds the number, another one is closed: first a connection with several unanswered requests, since
 * no ordinary client pipelines requests; else the connection that has waited for its client the longest, for a request, for
 * the rest of a request, or for the client to read an answer. So idle connections, slow senders and slow readers in any
 * number cannot block a client that sends its request at once and reads the answer.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  readonly connections: number;
  /** Most unanswered requests of a connection. A connection with more is closed. */
  readonly requestsAhead: number;
  /** Most unsent bytes of answers, over all connections. Above it, connections with a complete unread answer are closed. */
  readonly unreadBytes: number;
  /** Longest time that a complete answer may stay unread, in milliseconds. Then its connection is closed. */
  readonly unreadMs: number;
  /** Milliseconds between two checks of `unreadBytes` and `unreadMs`. */
  readonly sweepMs: number;
}

interface Connection {
  /** Its open answers, in the order of its requests. */
  readonly answers: Set<ServerResponse>;
  /** Bytes received by the end of the last answer. */
  answeredBytes: number;
}

/**
 * Refuses a new connection if all are being answered. Also replaces the server's `closeIdleConnections`, which `close` calls,
 * too: Node's own treats a connection as idle when its answer is written, although the client may not have read the whole
 * answer. Call it before the server gets its request handler.
 */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  /** Those whose answer began last are at the end: of the unread answers, the longest open one is closed first. */
  const connections = new Map<Socket, Connection>();
  /** Connections that wait for their client, the longest first, each with the request that is arriving, if any. */
  const waiting = new Map<Socket, IncomingMessage | null>();
  /** Connections with several open answers. */
  const pipelining = new Set<Socket>();
  /** When a check first found the answer complete and unread, in milliseconds. */
  const unreadSince = new WeakMap<ServerResponse, number>();

  const markWaiting = (socket: Socket, request: IncomingMessage | null): void => {
    waiting.delete(socket);
    if (!socket.destroyed) waiting.set(socket, request);
  };
  const longestWaiting = (): Socket | undefined => {
    for (const [socket, request] of waiting) {
      if (!request?.complete) return socket;
      waiting.delete(socket);
    }
    return undefined;
  };
  server.on('connection', (socket: Socket) => {
    connections.set(socket, { answers: new Set(), answeredBytes: 0 });
    socket.once('close', () => {
      connections.delete(socket);
      waiting.delete(socket);
      pipelining.delete(socket);
    });
    if (connections.size > limits.connections) {
      const [pipeliner] = pipelining;
      (pipeliner ?? longestWaiting() ?? socket).destroy();
    }
    markWaiting(socket, null);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (!connection) return;
    const { answers } = connection;
    answers.add(response);
    if (answers.size > 1) {
      pipelining.add(socket);
    } else {
      connections.delete(socket);
      connections.set(socket, connection);
    }
    markWaiting(socket, request);
    // The whole answer is in the socket: from now on the connection waits for the client to read it.
    response.once('prefinish', () => markWaiting(socket, null));
    response.once('close', () => {
      answers.delete(response);
      connection.answeredBytes = socket.bytesRead;
      if (answers.size < 2) pipelining.delete(socket);
      markWaiting(socket, [...answers].at(-1)?.req ?? null);
    });
    if (answers.size > limits.requestsAhead) socket.destroy();
  });
  server.closeIdleConnections = () => {
    for (const [socket, { answers, answeredBytes }] of connections) {
      // More bytes than at the end of the last answer mean that the next request is arriving.
      if (answers.size === 0 && socket.bytesRead === answeredBytes) socket.destroy();
    }
  };

  const sweep = (): void => {
    const now = performance.now();
    let bytes = 0;
    for (const { answers } of connections.values()) {
      for (const answer of answers) bytes += answer.writableLength;
    }
    for (const [socket, { answers }] of connections) {
      const [first] = answers;
      if (!first?.writableEnded) continue;
      const since = unreadSince.get(first);
      if (since === undefined) {
        unreadSince.set(first, now);
      } else if (bytes > limits.unreadBytes || now - since >= limits.unreadMs) {
        for (const answer of answers) bytes -= answer.writableLength;
        socket.destroy();
      }
    }
  };
  const sweeping = setInterval(sweep, limits.sweepMs).unref();
  server.once('close', () => clearInterval(sweeping));
}

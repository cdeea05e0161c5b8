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

/** Refuses a new connection if all are being answered. Call it before the server gets its request handler. */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  /** Connections that wait for their client, the longest first, each with the request that is arriving, if any. */
  const waiting = new Map<Socket, IncomingMessage | null>();
  /** The open answers of each connection, in the order of its requests. */
  const answering = new Map<Socket, Set<ServerResponse>>();
  /** Connections with several open answers. */
  const pipelining = new Set<Socket>();
  /** When a check first found the answer complete and unread, in milliseconds. */
  const unreadSince = new WeakMap<ServerResponse, number>();
  let open = 0;

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
    open++;
    socket.once('close', () => {
      open--;
      waiting.delete(socket);
      answering.delete(socket);
      pipelining.delete(socket);
    });
    if (open > limits.connections) (firstOf(pipelining) ?? longestWaiting() ?? socket).destroy();
    markWaiting(socket, null);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const responses = answering.get(socket) ?? new Set();
    answering.set(socket, responses.add(response));
    if (responses.size > 1) pipelining.add(socket);
    markWaiting(socket, request);
    // The whole answer is in the socket: from now on the connection waits for the client to read it.
    response.once('prefinish', () => markWaiting(socket, null));
    response.once('close', () => {
      responses.delete(response);
      if (responses.size < 2) pipelining.delete(socket);
      if (responses.size === 0) answering.delete(socket);
      markWaiting(socket, lastOf(responses)?.req ?? null);
    });
    if (responses.size > limits.requestsAhead) socket.destroy();
  });

  const sweep = (): void => {
    const now = performance.now();
    let bytes = 0;
    for (const responses of answering.values()) {
      for (const response of responses) bytes += response.writableLength;
    }
    for (const [socket, responses] of answering) {
      const [first] = responses;
      if (!first?.writableEnded) continue;
      const since = unreadSince.get(first);
      if (since === undefined) {
        unreadSince.set(first, now);
      } else if (bytes > limits.unreadBytes || now - since >= limits.unreadMs) {
        for (const response of responses) bytes -= response.writableLength;
        socket.destroy();
      }
    }
  };
  const sweeping = setInterval(sweep, limits.sweepMs).unref();
  server.once('close', () => clearInterval(sweeping));
}

function firstOf<T>(values: Iterable<T>): T | undefined {
  for (const value of values) return value;
  return undefined;
}

function lastOf<T>(values: Iterable<T>): T | undefined {
  let last: T | undefined;
  for (const value of values) last = value;
  return last;
}

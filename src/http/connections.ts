/**
 * What connections may hold: how many there are at once, how many requests one of them sends ahead of its answers, and how
 * much of answers that nobody takes.
 *
 * One connection more than the most, and one is closed for it: one that has asked again before it was answered, which
 * nobody does who has a right to be here, else the one that has been waited for the longest, be it for a request, for the
 * rest of one, or to take an answer. So neither idle connections nor slow senders nor slow readers,
 * however many, keep anybody out who sends at once and reads what is answered.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  readonly connections: number;
  /** Requests of one connection without an answer; whoever sends more is cut off. */
  readonly requestsAhead: number;
  /** Answers that are not taken, all together: beyond it those are cut off that have been waiting for the longest. */
  readonly untakenBytes: number;
  /** How long an answer may wait. */
  readonly untakenMs: number;
  /** How often the last two are looked at. */
  readonly sweepMs: number;
}

/** Where all connections are being answered, a new one is refused. Listens to requests before whoever answers them. */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  /** Whose turn it is to go on, for the longest first; with the request that is arriving, if any. */
  const waiting = new Map<Socket, IncomingMessage | null>();
  /** What is due to each, in the order of its requests. */
  const answering = new Map<Socket, Set<ServerResponse>>();
  /** Those that several are due to. */
  const hasty = new Set<Socket>();
  /** When the first answer of a connection was first seen waiting. */
  const untakenSince = new WeakMap<ServerResponse, number>();
  let open = 0;

  const waitFor = (socket: Socket, request: IncomingMessage | null): void => {
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
      hasty.delete(socket);
    });
    if (open > limits.connections) (firstOf(hasty) ?? longestWaiting() ?? socket).destroy();
    waitFor(socket, null);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const responses = answering.get(socket) ?? new Set();
    answering.set(socket, responses.add(response));
    if (responses.size > 1) hasty.add(socket);
    waitFor(socket, request);
    // All of it is with the socket, and only the other side can make it go out.
    response.once('prefinish', () => waitFor(socket, null));
    response.once('close', () => {
      responses.delete(response);
      if (responses.size < 2) hasty.delete(socket);
      if (responses.size === 0) answering.delete(socket);
      waitFor(socket, lastOf(responses)?.req ?? null);
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
      const since = untakenSince.get(first);
      if (since === undefined) {
        untakenSince.set(first, now);
      } else if (bytes > limits.untakenBytes || now - since >= limits.untakenMs) {
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

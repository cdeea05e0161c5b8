/**
 * A process that loads an HTTP server on 127.0.0.1: each of its connections sends a request as soon as it has the
 * answer to the previous one. It uses raw sockets and prepared requests, so that it is faster than any server under
 * test. It receives an order in a message, and answers with the figures.
 */

import { connect, type Socket } from 'node:net';
import { eventBody, signatureOf } from './events.ts';

export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly what:
    | {
        readonly kind: 'webhooks';
        readonly count: number;
        /** The events rotate over this number of repos. In each repo, the first pipeline has `firstNumber`. */
        readonly repos: number;
        readonly firstNumber: number;
        readonly secret: string;
        /** The status of answers that count. */
        readonly expected: number;
      }
    | { readonly kind: 'get'; readonly count: number; readonly path: string };
}

export interface LoadResult {
  readonly seconds: number;
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

process.on('message', (order: 'probe' | LoadOrder) => {
  if (order === 'probe') return;
  run(order).then(
    (result) => process.send?.(result),
    (error) => {
      process.stderr.write(`Loading failed: ${error}\n`);
      process.exit(1);
    },
  );
});

async function run({ port, connections, what }: LoadOrder): Promise<LoadResult> {
  const requests = prepare(what).values();
  const expected = `HTTP/1.1 ${what.kind === 'webhooks' ? what.expected : 200} `;
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const times: number[] = [];
  const began = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      const next = createExchange(socket, expected);
      for (const request of requests) {
        const sent = performance.now();
        await next(request);
        times.push(performance.now() - sent);
      }
      socket.destroy();
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(times.length * share)] ?? 0;
  return { seconds, perSecond: times.length / seconds, medianMs: at(0.5), p99Ms: at(0.99) };
}

function prepare(what: LoadOrder['what']): Buffer[] {
  if (what.kind === 'get') {
    const text = `GET ${what.path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n`;
    return Array.from({ length: what.count }, () => Buffer.from(text));
  }
  const { count, repos, firstNumber, secret } = what;
  // All ends are in the windows, one per second over all repos, and in order over all loads.
  const begin = (Math.floor(Date.now() / 86_400_000) - 20) * 86_400;
  return Array.from({ length: count }, (_, index) => {
    const number = firstNumber + Math.floor(index / repos);
    const repo = 1 + (index % repos);
    const body = eventBody({ repo, number, finished: begin + number * repos + repo });
    const head = [
      'POST /webhook HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      `X-Hub-Signature-256: ${signatureOf(body, secret)}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends a request and waits for its answer; there is at most one open request. */
function createExchange(socket: Socket, expected: string): (request: Buffer) => Promise<void> {
  let chunks: Buffer[] = [];
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  const fail = (error: Error) => settle?.reject(error);
  socket.on('error', fail).on('close', () => fail(new Error('Connection was closed')));
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    const answer = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    chunks = [answer];
    if (!isComplete(answer)) return;
    chunks = [];
    if (answer.toString('latin1', 0, expected.length) === expected) settle?.resolve();
    else fail(new Error(`Unexpected answer: ${answer.subarray(0, 500)}`));
  });
  return (request) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      socket.write(request);
    });
}

function isComplete(answer: Buffer): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(answer.toString('latin1', 0, end))?.[1];
  if (length === undefined) return answer.toString('latin1', answer.length - 5) === '0\r\n\r\n';
  return answer.length >= end + 4 + Number(length);
}

/**
 * The HTTP side of the fake: one `node:http` server on 127.0.0.1 that identifies users by their tokens, applies faults and
 * hooks, answers, and records every request. It can be stopped, which breaks all connections at once, and started again on
 * the same port.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Faults, Verdict } from './faults.ts';
import type { User } from './model.ts';
import type { Answer, Question } from './rest.ts';
import type { Streams } from './stream.ts';

export interface RecordedRequest {
  readonly method: string;
  /** Below the root path. */
  readonly path: string;
  /** With its question mark; empty if there is none. */
  readonly query: string;
  /** Login of the user whose token it bore; `null` for a guest or a bad token. */
  readonly user: string | null;
  readonly headers: IncomingMessage['headers'];
  /** Milliseconds since the fake was made. */
  readonly startedAtMs: number;
  /** `null` while there is no answer. */
  readonly status: number | null;
  /** Duration of the answer, for a stream until its end; `null` before. */
  readonly durationMs: number | null;
}

type MutableRecord = { -readonly [K in keyof RecordedRequest]: RecordedRequest[K] };

export interface Concurrency {
  /** Number of requests without an answer yet, except streams. */
  readonly current: number;
  /** The highest number since the record was cleared. */
  readonly peak: number;
}

function tokenOf({ authorization = '' }: IncomingMessage['headers']): string {
  return /^Bearer (.*)$/i.exec(authorization)?.[1] ?? '';
}

const restCacheControl = 'no-cache, no-store, max-age=0, must-revalidate, value';
/** Go sends the length of short answers, and sends longer ones in chunks. */
const largestUnchunkedBytes = 2048;

function send(response: ServerResponse, answer: Answer): void {
  const body = Buffer.from(answer.body ?? '');
  const hasBody = answer.status !== 204;
  response.writeHead(answer.status, {
    'Cache-Control': answer.cacheControl ?? restCacheControl,
    ...(answer.contentType !== undefined && { 'Content-Type': answer.contentType }),
    ...(hasBody && body.length <= largestUnchunkedBytes && { 'Content-Length': body.length }),
  });
  if (hasBody) response.write(body);
  response.end();
}

/** Keeps the headers of the true answer and breaks its body off. */
function sendTruncated(response: ServerResponse, answer: Answer, bytes: number): void {
  const body = Buffer.from(answer.body ?? '');
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType ?? 'text/plain',
    'Content-Length': body.length,
  });
  response.write(body.subarray(0, bytes), () => response.destroy());
}

export function createFakeServer(deps: {
  readonly port: number;
  readonly rootPath: string;
  /** Unix seconds. */
  readonly now: () => number;
  readonly versionText: () => string;
  readonly userByToken: (token: string) => User | null;
  readonly faults: Faults;
  readonly streams: Streams;
  readonly answer: (question: Question) => Answer;
}) {
  const { rootPath, faults, streams } = deps;
  const startedAt = performance.now();
  let server: Server | null = null;
  let port = deps.port;
  /** Ends the waits of requests whose server has stopped. */
  let running = new AbortController();
  let requests: MutableRecord[] = [];
  let current = 0;
  let peak = 0;

  function begin(request: IncomingMessage): { record: MutableRecord; question: Question } {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const isBelow = url.pathname === rootPath || url.pathname.startsWith(`${rootPath}/`);
    const user = deps.userByToken(tokenOf(request.headers));
    const method = request.method ?? 'GET';
    const path = isBelow ? url.pathname.slice(rootPath.length) || '/' : null;
    const record: MutableRecord = {
      method,
      path: path ?? url.pathname,
      query: url.search,
      user: user?.login ?? null,
      headers: request.headers,
      startedAtMs: performance.now() - startedAt,
      status: null,
      durationMs: null,
    };
    requests.push(record);
    return { record, question: { method, path, query: url.searchParams, user } };
  }

  function respond(response: ServerResponse, question: Question, { answer }: Verdict): void {
    if (answer === 'drop') {
      response.destroy();
    } else if (answer === 'hang') {
      // Nothing: the socket stays open until the client or `stop` closes it.
    } else if (answer && 'status' in answer) {
      for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
      send(response, { status: answer.status, ...(answer.body !== undefined && { body: answer.body }) });
    } else if (answer) {
      sendTruncated(response, deps.answer(question), answer.truncateAfterBytes);
    } else if (question.method === 'GET' && question.path === '/api/stream/events') {
      streams.connect(response, question.user);
    } else {
      send(response, deps.answer(question));
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { record, question } = begin(request);
    const isStream = question.path === '/api/stream/events';
    const { signal } = running;
    if (!isStream) {
      current += 1;
      peak = Math.max(peak, current);
    }
    response.on('close', () => {
      if (!isStream) current -= 1;
      if (response.headersSent) record.status = response.statusCode;
      record.durationMs = performance.now() - startedAt - record.startedAtMs;
    });
    response.setHeaders(
      new Headers({
        'Access-Control-Allow-Origin': '*',
        'X-Content-Type-Options': 'nosniff',
        'X-Frame-Options': 'DENY',
        Date: new Date(deps.now() * 1000).toUTCString(),
        'X-Woodpecker-Version': deps.versionText(),
        'X-Xss-Protection': '1; mode=block',
      }),
    );
    request.resume();
    await faults.runHooks(record);
    const verdict = faults.judge(record);
    if (verdict.delayMs > 0) await sleep(verdict.delayMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted || response.destroyed) return;
    respond(response, question, verdict);
    if (response.headersSent) record.status = response.statusCode;
  }

  async function start(): Promise<void> {
    if (server) return;
    const started = createServer((request, response) => {
      handle(request, response).catch((error: unknown) => {
        // A hook or a fault of the test threw: print it, since a client cannot know it.
        process.stderr.write(`The fake Woodpecker failed: ${error instanceof Error ? error.stack : error}\n`);
        response.destroy();
      });
    });
    running = new AbortController();
    await new Promise<void>((resolve, reject) => {
      started.once('error', reject);
      started.listen(port, '127.0.0.1', resolve);
    });
    server = started;
    port = (started.address() as AddressInfo).port;
  }

  async function stop(): Promise<void> {
    const stopped = server;
    if (!stopped) return;
    server = null;
    running.abort();
    streams.dropAll();
    const closed = new Promise<void>((resolve) => stopped.close(() => resolve()));
    stopped.closeAllConnections();
    await closed;
    // A client in this very process learns of its closed connections only when the event loop turns.
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  }

  return {
    start,
    stop,
    get url(): string {
      if (port === 0) throw new Error('Start the fake Woodpecker before asking for its URL');
      return `http://127.0.0.1:${port}${rootPath}`;
    },
    get isRunning(): boolean {
      return server !== null;
    },
    get requests(): readonly RecordedRequest[] {
      return requests;
    },
    get concurrency(): Concurrency {
      return { current, peak };
    },
    clearRequests(): void {
      requests = [];
      peak = current;
    },
  };
}

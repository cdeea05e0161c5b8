/**
 * The HTTP side of the fake: one `node:http` server on 127.0.0.1 that applies faults, calls the kind of forge
 * for its answer, and records every request.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultAnswer, Faults } from '../fake-woodpecker/faults.ts';
import type { RecordedRequest } from '../fake-woodpecker/server.ts';
import type { Repos } from './repos.ts';

export type ForgeRequest = RecordedRequest;
type MutableRequest = { -readonly [K in keyof ForgeRequest]: ForgeRequest[K] };

export interface Question {
  /** Below the root path, as it was sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly repos: Repos;
  /** The token with the right to read private repos. */
  readonly token: string;
  /** A token whose scope is limited to public repos. */
  readonly publicOnlyToken: string;
  /** URL of the forge, with its root path. */
  readonly url: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, unless it is text. */
  readonly body: unknown;
}

/** The answers of one kind of forge. */
export interface Answers {
  answer(question: Question): Answer;
  /** The answer to a request above the rate limit. */
  limited(seconds: number): Exclude<FaultAnswer, string> & { readonly status: number };
}

export async function startServer(deps: {
  readonly rootPath: string;
  readonly token: string;
  readonly publicOnlyToken: string;
  readonly repos: Repos;
  readonly faults: Faults;
  readonly answers: Answers;
}) {
  const { rootPath, faults, answers, ...world } = deps;
  const startedAt = performance.now();
  const closing = new AbortController();
  let requests: MutableRequest[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const isBelow = pathname.startsWith(`${rootPath}/`);
    const record: MutableRequest = {
      method: request.method ?? 'GET',
      path: isBelow ? pathname.slice(rootPath.length) : pathname,
      query: search,
      user: null,
      headers: request.headers,
      startedAtMs: performance.now() - startedAt,
      status: null,
      durationMs: null,
    };
    requests.push(record);
    response.on('close', () => {
      record.durationMs = performance.now() - startedAt - record.startedAtMs;
    });
    request.resume();
    const { delayMs, answer: fault } = faults.judge(record);
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: closing.signal }).catch(() => undefined);
    if (response.destroyed || fault === 'hang') return;
    if (fault === 'drop') {
      response.destroy();
      return;
    }
    const question = { path: record.path, query: searchParams, headers: request.headers, url, ...world };
    const isCutOff = fault !== null && 'truncateAfterBytes' in fault;
    const real = (): Answer => (isBelow ? answers.answer(question) : pageNotFound);
    const answer: Answer = fault === null || isCutOff ? real() : { ...fault, body: fault.body ?? '' };
    record.status = answer.status;
    send(response, answer, isCutOff ? fault.truncateAfterBytes : null);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      process.stderr.write(`The fake forge failed: ${error instanceof Error ? error.stack : error}\n`);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${rootPath}`;

  return {
    url,
    get requests(): readonly ForgeRequest[] {
      return requests;
    },
    clearRequests(): void {
      requests = [];
    },
    async close(): Promise<void> {
      closing.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The web interface's answer to an unknown path. */
export const pageNotFound: Answer = {
  status: 404,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<!DOCTYPE html><title>Page not found</title>',
};

/** `cutAfterBytes` `null`: the whole body. */
function send(response: ServerResponse, answer: Answer, cutAfterBytes: number | null): void {
  const isText = typeof answer.body === 'string';
  const bytes = Buffer.from(isText ? (answer.body as string) : JSON.stringify(answer.body));
  response.writeHead(answer.status, {
    ...(!isText && { 'content-type': 'application/json; charset=utf-8' }),
    'content-length': bytes.length,
    ...answer.headers,
  });
  if (cutAfterBytes === null) response.end(bytes);
  else response.write(bytes.subarray(0, cutAfterBytes), () => response.destroy());
}

/** A number of the query, limited to the bounds, as forges do silently. */
export function boundedNumber(text: string | null, usual: number, largest: number): number {
  const value = Number(text ?? usual);
  return value >= 1 ? Math.min(Math.trunc(value), largest) : usual;
}

/**
 * Attackers and honest users of the real process, over plain sockets on 127.0.0.1; and measurements of the process.
 *
 * All sockets, loops and files end by themselves, or with the test.
 */

import { execFileSync } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { type ExporterProcess, startExporter, temporaryFolder, webhookSecret } from './exporter-process.ts';

/** A word in all texts of attackers, so that tests find these texts in logs and answers. */
export const canary = 'canary-4f1d9c';
/** The usual limit of open files for a process. */
const usualOpenFiles = 1024;
/** Heap limit of Node in a container of 512 MB, in MB: a process that needs more crashes. */
const heapMb = 256;

export interface Target extends ExporterProcess {
  readonly port: number;
  /** Most resident memory so far, in MB. */
  peakMb(): number;
  openFiles(): number;
  /** CPU time since its start. */
  cpuMs(): number;
  /** The database with its log, in bytes. */
  databaseBytes(): number;
}

/** Starts the service as in a container, but with the log level "debug". `through`: as in `spawnExporter`. */
export async function startTarget(
  env: Readonly<Record<string, string>> = {},
  through: readonly string[] = [],
): Promise<Target> {
  const database = join(temporaryFolder(), 'dora.db');
  const given = {
    DORA_DATABASE: database,
    DORA_LOG_LEVEL: 'debug',
    NODE_OPTIONS: `--max-old-space-size=${heapMb}`,
    ...env,
  };
  const exporter = await startExporter(given, through);
  const { pid } = exporter.child;
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${usualOpenFiles}:${usualOpenFiles}`]);
  return {
    ...exporter,
    port: Number(new URL(exporter.url).port),
    peakMb: () =>
      Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
    openFiles: () => readdirSync(`/proc/${pid}/fd`).length,
    cpuMs: () => cpuMsOf(pid),
    databaseBytes: () =>
      [database, `${database}-wal`].reduce(
        (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
        0,
      ),
  };
}

/** In user and system mode, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; 0 once it has ended. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(user) + Number(system)) * 10;
  } catch {
    return 0;
  }
}

/** The three proofs of the secret. `atSeconds`: the time of signing in a Standard Webhook. */
export const signed = {
  bearer: (secret: string = webhookSecret) => ({ authorization: `Bearer ${secret}` }),
  hex: (body: string, secret: string = webhookSecret) => ({
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  }),
  standard: (body: string, { secret = webhookSecret, atSeconds = Math.floor(Date.now() / 1000) } = {}) => {
    const id = randomUUID();
    const signature = createHmac('sha256', secret).update(`${id}.${atSeconds}.${body}`).digest('base64');
    return {
      'webhook-id': id,
      'webhook-timestamp': String(atSeconds),
      'webhook-signature': `v1,${signature}`,
    };
  },
};

/** The bytes of a request, with its Content-Length unless `headers` contain another. */
export function requestText(
  line: string,
  headers: Readonly<Record<string, string | number>> = {},
  body = '',
): string {
  const length = body === '' ? {} : { 'content-length': Buffer.byteLength(body) };
  const lines = Object.entries({ host: 'localhost', ...length, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n${body}`;
}

/** A webhook that is signed as GitHub signs. */
export function webhookText(body: string, secret: string = webhookSecret): string {
  return requestText('POST /webhook', signed.hex(body, secret), body);
}

export interface Caller {
  readonly socket: Socket;
  /** All bytes that have arrived so far, while they are read. */
  readonly received: () => string;
  readonly isClosed: () => boolean;
  readonly closed: Promise<void>;
}

/** Connects; the connection ends with the test. */
export async function dial(port: number): Promise<Caller> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  onTestFinished(() => void socket.destroy());
  const chunks: Buffer[] = [];
  let isClosed = false;
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  closed.then(() => {
    isClosed = true;
  });
  await Promise.race([new Promise<void>((resolve) => socket.once('connect', () => resolve())), closed]);
  return {
    socket,
    received: () => Buffer.concat(chunks).toString('latin1'),
    isClosed: () => isClosed,
    closed,
  };
}

/** Opens this number of connections, some at a time. */
export async function dialMany(port: number, count: number): Promise<Caller[]> {
  const callers: Caller[] = [];
  while (callers.length < count) {
    const some = Math.min(200, count - callers.length);
    callers.push(...(await Promise.all(Array.from({ length: some }, () => dial(port)))));
  }
  return callers;
}

/** Sends bytes. Returns the answer until the connection ends, or is silent for the given time. */
export async function exchange(port: number, bytes: string | Buffer, silenceMs = 1_000): Promise<string> {
  const { socket, received, isClosed, closed } = await dial(port);
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  let seen = -1;
  while (!isClosed() && (received().length !== seen || seen === 0)) {
    if (seen === 0 && received().length === 0) silenceMs -= 100;
    if (silenceMs <= 0) break;
    seen = received().length;
    await Promise.race([delay(seen === 0 ? 100 : 200), closed]);
  }
  socket.destroy();
  return received();
}

/** The status codes in an answer, in order. */
export function statusesIn(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

/** Sends requests over some connections, several at a time on each. Returns the number of answers by status. */
export async function flood(port: number, requests: Iterable<string>): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const source = requests[Symbol.iterator]();
  const run = async (): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    onTestFinished(() => void socket.destroy());
    const end = new Promise<never>((_, reject) =>
      socket.once('error', reject).once('close', () => reject(new Error('Connection was closed'))),
    );
    end.catch(() => undefined);
    let answered = 0;
    let wake: () => void = () => undefined;
    let rest = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const text = rest + chunk;
      const lines = text.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const status = /HTTP\/1\.1 (\d{3}) /.exec(line)?.[1];
        if (!status) continue;
        answered++;
        statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
      }
      wake();
    });
    let sent = 0;
    for (;;) {
      const batch: string[] = [];
      while (batch.length < 8) {
        const next = source.next();
        if (next.done) break;
        batch.push(next.value);
      }
      if (batch.length === 0) break;
      sent += batch.length;
      socket.write(batch.join(''));
      while (answered < sent) {
        const answer = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([answer, end]);
      }
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: 8 }, run));
  return statuses;
}

/** The results of one kind of honest request. */
export interface Fared {
  /** Number of results, by status code or error. */
  readonly answers: readonly (number | string)[];
  /** Most CPU time of the process during one request. Other processes of the machine do not add to it. */
  readonly worstCpuMs: number;
}

export interface HonestUsers {
  /** Ends them. `accepted`: number of accepted webhooks. */
  stop(): Promise<{ readonly webhooks: Fared; readonly scrapes: Fared; readonly accepted: number }>;
}

export const honestRepo = 'honest/site';

/**
 * A sender of webhooks, with each of the three proofs in turn, and a scraper. Each opens a new connection for every request,
 * as steps in containers do.
 */
export function startHonestUsers(
  { port, cpuMs }: Target,
  { scrapeHeaders = {} }: { readonly scrapeHeaders?: Readonly<Record<string, string>> } = {},
): HonestUsers {
  let isOver = false;
  let number = 0;
  const webhooks = createLedger(cpuMs);
  const scrapes = createLedger(cpuMs);
  const until = async (ledger: Ledger, pauseMs: number, ask: () => Promise<number | string>) => {
    while (!isOver) {
      await ledger.measure(ask);
      await delay(pauseMs);
    }
  };
  const send = () => {
    const finished = Math.floor(Date.now() / 1000) - 86_400 + ++number;
    const body = JSON.stringify({ repo: honestRepo, number, status: 'success', event: 'push', finished });
    const headers = [signed.bearer(), signed.hex(body), signed.standard(body)][number % 3] ?? {};
    return ask(port, 'POST', '/webhook', headers, body);
  };
  const loops = [
    until(webhooks, 50, send),
    until(scrapes, 100, () => ask(port, 'GET', '/metrics', scrapeHeaders)),
  ];
  const stop = async () => {
    isOver = true;
    await Promise.all(loops);
    const accepted = webhooks.answers.filter((answer) => answer === 202).length;
    return { webhooks: webhooks.sum(), scrapes: scrapes.sum(), accepted };
  };
  onTestFinished(async () => void (await stop()));
  return { stop };
}

interface Ledger {
  readonly answers: readonly (number | string)[];
  measure(ask: () => Promise<number | string>): Promise<void>;
  sum(): Fared;
}

function createLedger(cpuMs: () => number): Ledger {
  const answers: (number | string)[] = [];
  let worstCpuMs = 0;
  return {
    answers,
    async measure(ask) {
      const cpuBefore = cpuMs();
      answers.push(await ask());
      worstCpuMs = Math.max(worstCpuMs, cpuMs() - cpuBefore);
    },
    sum: () => ({ answers, worstCpuMs }),
  };
}

/** The status of a complete answer, or the error. */
function ask(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<number | string> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message);
    const options = { host: '127.0.0.1', port, method, path, headers, agent: false as const };
    const asking = request(options, (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode ?? 0))
        .on('error', fail);
    });
    asking.setTimeout(20_000, () => asking.destroy(new Error('No answer')));
    asking.on('error', fail).end(body);
  });
}

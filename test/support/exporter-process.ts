/** The real service as a process that tests start, scrape, kill and start again. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { collectOutput } from './output.ts';

export const webhookSecret = 'e2e-webhook-secret';
export const incidentSecret = 'e2e-incident-secret';
export const adminToken = 'e2e-admin-token';

/** `DORA_TEST_MAIN`: the main file of another folder, such as that of an image. */
const main = process.env['DORA_TEST_MAIN'] ?? new URL('../../src/main.ts', import.meta.url).pathname;

export interface ExporterProcess {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly metricsUrl: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  metrics(): Promise<Metrics>;
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** The values of all samples, by name and labels as in the text format. */
export type Metrics = ReadonlyMap<string, number>;

/** Makes a folder that is removed at the end of the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dora-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a process that ends by itself, until its end. */
export async function runExporter(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<{ code: number | null; output: string }> {
  const { output, exited } = spawnExporter(env, args);
  const { code } = await exited;
  return { code, output: output() };
}

/** Starts the process on ports that the system picks, and waits until it listens. `through`: as `spawnExporter`. */
export async function startExporter(
  env: Readonly<Record<string, string>>,
  through: readonly string[] = [],
): Promise<ExporterProcess> {
  const given = {
    DORA_LISTEN: '127.0.0.1:0',
    DORA_WEBHOOK_SECRET: webhookSecret,
    DORA_INCIDENT_SECRET: incidentSecret,
    DORA_ADMIN_TOKEN: adminToken,
    ...env,
  };
  const { child, output, exited } = spawnExporter(given, [], through);
  const address = await waitFor(() => /Listening address=(\S+)/.exec(output())?.[1], exited, output);
  const url = `http://${address}`;
  const metricsAddress = env['DORA_METRICS_LISTEN']
    ? await waitFor(() => /metrics and status address=(\S+)/.exec(output())?.[1], exited, output)
    : address;
  const metricsUrl = `http://${metricsAddress}`;
  return {
    url,
    metricsUrl,
    child,
    output,
    exited,
    post: (body, headers = { authorization: `Bearer ${webhookSecret}` }) =>
      fetch(`${url}/webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    metrics: async () => parseMetrics(await (await fetch(`${metricsUrl}/metrics`)).text()),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}

export function parseMetrics(text: string): Metrics {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([^#].*) (\S+)$/.exec(line);
    if (match?.[1] && match[2]) samples.set(match[1], Number(match[2]));
  }
  return samples;
}

/** Counters that are lower in `after`, or missing. */
export function fallenCounters(before: Metrics, after: Metrics): string[] {
  const isCounter = (name: string) => /^dora_(deployment|change)\w*(_total|_bucket|_count|_sum)\b/.test(name);
  return [...before].flatMap(([name, value]) => {
    if (!isCounter(name)) return [];
    const now = after.get(name);
    return now !== undefined && now >= value ? [] : [`${name}: ${value} -> ${now}`];
  });
}

/** Starts the process without waiting for it; it ends with the test. `through`: words before the command line. */
export function spawnExporter(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  through: readonly string[] = [],
) {
  const [program = '', ...rest] = [...through, process.execPath, main, ...args];
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DORA_'));
  const child = spawn(program, rest, {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = collectOutput(child.stdout, child.stderr);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  );
  return { child, output, exited };
}

async function waitFor<T>(
  look: () => T | undefined,
  exited: Promise<unknown>,
  output: () => string,
): Promise<T> {
  let hasExited = false;
  exited.then(() => {
    hasExited = true;
  });
  for (let tries = 0; tries < 1500; tries++) {
    const found = look();
    if (found !== undefined) return found;
    if (hasExited) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`Exporter did not get so far:\n${output()}`);
}

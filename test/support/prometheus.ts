/** A real Prometheus for the time of a test. */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './exporter-process.ts';

export interface QueryAnswer {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
  };
}

/** Asks for a moment, in Unix seconds; for now where none is given. */
export type Query = (query: string, at?: number) => Promise<QueryAnswer>;

export interface PrometheusOptions {
  /** Folder of its data; `null`: an empty one. */
  readonly data?: string | null;
  /** `host:port` to scrape every second; `null`: nothing. */
  readonly target: string | null;
}

/** Starts it, to be ended with the test; it takes a moment until it answers. */
export async function startPrometheus(
  program: string,
  { data = null, target }: PrometheusOptions,
): Promise<Query> {
  const folder = temporaryFolder();
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  const path = data ?? join(folder, 'data');
  mkdirSync(path, { recursive: true });
  const scrape = target ? `[{job_name: dora, static_configs: [{targets: ["${target}"]}]}]` : '[]';
  writeFileSync(config, `global: {scrape_interval: 1s}\nscrape_configs: ${scrape}\n`);
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${path}`,
      '--storage.tsdb.retention.time=1y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    const tooLong = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(tooLong);
  });
  return async (query, at) => {
    const parameters = new URLSearchParams({ query, ...(at !== undefined && { time: String(at) }) });
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${parameters}`);
    return (await answer.json()) as QueryAnswer;
  };
}

/** A port that is free now; Prometheus cannot be told to pick one and say which. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

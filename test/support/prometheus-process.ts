/** A real Prometheus process that scrapes a target each second, or serves existing data. */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './exporter-process.ts';
import { freePort } from './free-port.ts';

export interface Prometheus {
  /** Gets an answer of its API: `get('query', { query: 'up' })`. Rejects if it is not up yet, or refuses the request. */
  get<T>(path: string, parameters?: Readonly<Record<string, string>>): Promise<T>;
  /** `at` in Unix seconds; now by default. */
  query(expression: string, at?: number): Promise<readonly Sample[]>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface PrometheusOptions {
  /** Path of the program. */
  readonly program: string;
  /** Host and port of the target; the job is `dora`. If omitted, nothing is scraped. */
  readonly target?: string;
  /** Folder of its data; an empty one by default. */
  readonly data?: string;
  /** Text of a file of rules. */
  readonly rules?: string;
}

export async function startPrometheus({
  program,
  target,
  rules,
  data,
}: PrometheusOptions): Promise<Prometheus> {
  const folder = temporaryFolder();
  const dataFolder = data ?? join(folder, 'data');
  const jobs = target === undefined ? [] : [{ job_name: 'dora', static_configs: [{ targets: [target] }] }];
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  mkdirSync(dataFolder, { recursive: true });
  if (rules !== undefined) writeFileSync(join(folder, 'rules.yaml'), rules);
  writeFileSync(
    config,
    `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [${rules === undefined ? '' : 'rules.yaml'}]
scrape_configs: ${JSON.stringify(jobs)}
`,
  );
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${dataFolder}`,
      '--storage.tsdb.retention.time=1y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
  });

  const get = async <T>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await answer.json()) as { readonly data: T; readonly error?: string };
    if (!answer.ok) throw new Error(`Prometheus refuses ${JSON.stringify(parameters)}: ${body.error}`);
    return body.data;
  };
  return {
    get,
    async query(expression, at) {
      const parameters = { query: expression, ...(at !== undefined && { time: String(at) }) };
      return (await get<{ readonly result: readonly Sample[] }>('query', parameters)).result;
    },
  };
}

/** A real Prometheus as a process of its own, that scrapes one target each second. */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './exporter-process.ts';
import { freePort } from './free-port.ts';

export interface Prometheus {
  /** Answers of its API: `get('query', { query: 'up' })`. Rejects while it is not up, and where it refuses. */
  get<T>(path: string, parameters?: Readonly<Record<string, string>>): Promise<T>;
  query(expression: string): Promise<readonly Sample[]>;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface PrometheusOptions {
  /** Path of the program. */
  readonly program: string;
  /** Host and port; the job is `dora`. */
  readonly target: string;
  /** Text of a file of rules. */
  readonly rules?: string;
}

export async function startPrometheus({ program, target, rules }: PrometheusOptions): Promise<Prometheus> {
  const folder = temporaryFolder();
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  mkdirSync(join(folder, 'data'));
  if (rules !== undefined) writeFileSync(join(folder, 'rules.yaml'), rules);
  writeFileSync(
    config,
    `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [${rules === undefined ? '' : 'rules.yaml'}]
scrape_configs:
  - job_name: dora
    static_configs: [{targets: ["${target}"]}]
`,
  );
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
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
    query: async (expression) =>
      (await get<{ readonly result: readonly Sample[] }>('query', { query: expression })).result,
  };
}

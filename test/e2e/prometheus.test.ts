import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startExporter, temporaryFolder } from '../support/exporter-process.ts';
import { requireProgram } from '../support/requirement.ts';

interface QueryAnswer {
  readonly data: {
    readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[];
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

async function startPrometheus(
  program: string,
  target: string,
): Promise<(query: string) => Promise<QueryAnswer>> {
  const folder = temporaryFolder();
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  mkdirSync(join(folder, 'data'));
  writeFileSync(
    config,
    `global: {scrape_interval: 1s}
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
  return async (query) => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`);
    return (await answer.json()) as QueryAnswer;
  };
}

describe('a real Prometheus', () => {
  it('scrapes the process, and finds the repo that has only failed', async ({ skip }) => {
    const program = requireProgram('prometheus', skip);
    const exporter = await startExporter({ DORA_DATABASE: ':memory:' });
    for (const [repo, number, status] of [
      ['acme/healthy', 1, 'failure'],
      ['acme/healthy', 2, 'success'],
      ['acme/broken', 1, 'failure'],
      ['acme/relapsed', 1, 'success'],
      ['acme/relapsed', 2, 'failure'],
    ] as const) {
      const report = {
        repo,
        number,
        status,
        finished: 1_785_000_000 + number * 600,
        started: 1_785_000_000 + number * 600 - 90,
      };
      expect((await exporter.post(report)).status).toBe(202);
    }

    const query = await startPrometheus(program, new URL(exporter.url).host);
    const failing = 'dora_deployment_last_failure_timestamp > dora_deployment_last_success_timestamp';
    const reposFailing = async () => {
      try {
        return (await query(failing)).data.result.map(({ metric }) => metric['repo']).sort();
      } catch {
        return 'not up yet';
      }
    };

    await expect
      .poll(reposFailing, { timeout: 30_000, interval: 300 })
      .toEqual(['acme/broken', 'acme/relapsed']);
    const recovery = await query('dora_deployment_recovery_time_seconds_sum{repo="acme/healthy"}');
    expect(recovery.data.result[0]?.value[1]).toBe('600');
    const up = await query('up{job="dora"}');
    expect(up.data.result[0]?.value[1]).toBe('1');
  });
});

import { describe, expect, it } from 'vitest';
import { startExporter } from '../support/exporter-process.ts';
import { startPrometheus } from '../support/prometheus-process.ts';
import { requireProgram } from '../support/requirement.ts';

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

    const prometheus = await startPrometheus({ program, target: new URL(exporter.url).host });
    const failing = 'dora_deployment_last_failure_timestamp > dora_deployment_last_success_timestamp';
    const reposFailing = async () => {
      try {
        return (await prometheus.query(failing)).map(({ metric }) => metric['repo']).sort();
      } catch {
        return 'not up yet';
      }
    };

    await expect.poll(reposFailing, { interval: 300 }).toEqual(['acme/broken', 'acme/relapsed']);
    const recovery = await prometheus.query('dora_deployment_recovery_time_seconds_sum{repo="acme/healthy"}');
    expect(recovery[0]?.value[1]).toBe('600');
    const up = await prometheus.query('up{job="dora"}');
    expect(up[0]?.value[1]).toBe('1');
  });
});

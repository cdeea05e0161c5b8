/** Reports of ended pipelines to the real process, and what it must still count after a restart. */

import { execFileSync } from 'node:child_process';
import { expect, onTestFinished } from 'vitest';
import { type ExporterProcess, startExporter } from './exporter-process.ts';

/** The report of a successful deployment of `acme/shop`. */
export const reportOf = (number: number) => ({
  repo: 'acme/shop',
  number,
  status: 'success',
  finished: 1_785_000_000 + number,
});

/** The sample that counts these deployments. */
export const deployments = 'dora_deployments_total{repo="acme/shop",tier="unassigned"}';

/** Starts an exporter on a database, and reports the deployments 1 to `acknowledged`. */
export async function startReported(
  path: string,
  acknowledged: number,
  more: (number: number) => object = () => ({}),
): Promise<ExporterProcess> {
  const exporter = await startExporter({ DORA_DATABASE: path });
  for (let number = 1; number <= acknowledged; number++) {
    expect((await exporter.post({ ...reportOf(number), ...more(number) })).status).toBe(202);
  }
  return exporter;
}

/** Kills an exporter, and expects this number of deployments from the next one on the database. */
export async function expectKept(
  exporter: ExporterProcess,
  path: string,
  count: number,
): Promise<ExporterProcess> {
  await exporter.stop('SIGKILL');
  const next = await startExporter({ DORA_DATABASE: path });
  expect((await next.metrics()).get(deployments)).toBe(count);
  return next;
}

/** Mounts until the end of the test; calls `skip` if this user may not. */
export function mount(
  folder: string,
  source: 'tmpfs' | { readonly bind: string },
  skip: (reason: string) => never,
): void {
  const what = source === 'tmpfs' ? ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs'] : ['--bind', source.bind];
  try {
    execFileSync('mount', [...what, folder], { stdio: 'pipe' });
  } catch {
    skip('Nothing can be mounted here');
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]));
}

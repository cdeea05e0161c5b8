/** The exporter with a simulated Woodpecker that contains the history of `npm run demo`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createRandom, demoPolicy, fillHistory } from './demo-history.ts';
import { type ExporterProcess, incidentSecret, startExporter, temporaryFolder } from './exporter-process.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from './fake-woodpecker.ts';

export interface DemoExporter {
  readonly woodpecker: FakeWoodpecker;
  readonly exporter: ExporterProcess;
  scrape(): Promise<string>;
}

/** Starts both, waits until the exporter has read the history, and posts the history's incidents. */
export async function startDemoExporter(env: Readonly<Record<string, string>> = {}): Promise<DemoExporter> {
  const folder = temporaryFolder();
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  const { incidents } = fillHistory(woodpecker, createRandom(1));
  writeFileSync(join(folder, 'policy.yaml'), demoPolicy);
  const exporter = await startExporter({
    DORA_DATABASE: join(folder, 'dora.db'),
    DORA_POLICY: join(folder, 'policy.yaml'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_RECONCILE_INTERVAL: '1s',
    ...env,
  });
  await expect.poll(async () => (await fetch(`${exporter.url}/readyz`)).status).toBe(200);
  for (const incident of incidents) {
    const answer = await fetch(`${exporter.url}/incidents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${incidentSecret}` },
      body: JSON.stringify(incident),
    });
    expect(answer.status).toBe(202);
  }
  return {
    woodpecker,
    exporter,
    scrape: async () => (await fetch(`${exporter.url}/metrics`)).text(),
  };
}

/** Deploys each repo once: the first fails and recovers, the second fails, the others succeed. */
export function runDeployments({ woodpecker }: DemoExporter): void {
  const deploy = (repo: string, status: 'success' | 'failure') =>
    woodpecker.runPipeline(repo, { event: 'deployment', deployTo: 'production' }, { status });
  deploy('acme/shop', 'failure');
  deploy('acme/shop', 'success');
  deploy('acme/billing', 'failure');
  for (const repo of ['acme/search', 'acme/website', 'acme/infra-dns']) {
    deploy(repo, 'success');
    woodpecker.runPipeline(repo);
  }
}

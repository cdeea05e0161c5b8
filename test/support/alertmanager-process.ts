/** A real Alertmanager process with the receiver from `deploy/`. */

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { incidentSecret, temporaryFolder } from './exporter-process.ts';
import { freePort } from './free-port.ts';

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** A time in the past means that the alert is resolved. */
  readonly endsAt?: string;
  readonly generatorURL?: string;
}

export interface Alertmanager {
  /** Sends alerts to it, as Prometheus does. Rejects if it is not up yet. */
  post(alerts: readonly Alert[]): Promise<void>;
}

/** The file in `deploy/` with the receiver. */
export const receiverPath = new URL('../../deploy/prometheus/alertmanager.yaml', import.meta.url).pathname;

/** `exporterUrl`: target of the receiver. Alerts are grouped as in the file, but without waiting. */
export async function startAlertmanager(program: string, exporterUrl: string): Promise<Alertmanager> {
  const folder = temporaryFolder();
  const secretPath = join(folder, 'dora-incident-secret');
  writeFileSync(secretPath, incidentSecret);
  const pasted = readFileSync(receiverPath, 'utf8')
    .replace('http://dora-exporter:3672', exporterUrl)
    .replace('/etc/alertmanager/dora-incident-secret', secretPath);
  const config = parse(pasted);
  for (const route of config.route.routes) Object.assign(route, { group_wait: '0s', group_interval: '1s' });
  writeFileSync(join(folder, 'alertmanager.yml'), stringify(config));
  const port = await freePort();
  const child = spawn(
    program,
    [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  return {
    async post(alerts) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(alerts),
      });
      if (!answer.ok) throw new Error(`Alertmanager refuses: ${await answer.text()}`);
    },
  };
}

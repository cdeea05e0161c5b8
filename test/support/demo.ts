/**
 * `npm run demo`: a simulated Woodpecker with months of history and new pipelines every few seconds, and the exporter
 * beside it. Ctrl-C ends both; nothing is left behind, however it ends: only where it is killed, its folder stays.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../src/util/log.ts';
import { createRandom, demoPolicy, fillHistory } from './demo-history.ts';
import { startFakeWoodpecker } from './fake-woodpecker.ts';

const webhookSecret = 'demo-webhook-secret';
const adminToken = 'demo-admin-token';
const preferredPort = 3672;

const stopping = new AbortController();
// Ctrl-C under npm arrives twice: the second must not cut the end short.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
process.stdout.on('error', () => stopping.abort());

const random = createRandom(20_260_131);
const folder = mkdtempSync(join(tmpdir(), 'dora-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const woodpecker = await startFakeWoodpecker();
const repos = fillHistory(woodpecker, random);
writeFileSync(join(folder, 'policy.yaml'), demoPolicy);

const exporter = spawn(process.execPath, [new URL('../../src/main.ts', import.meta.url).pathname], {
  env: {
    ...process.env,
    DORA_LISTEN: process.env['DORA_LISTEN'] || `127.0.0.1:${await freePort(preferredPort)}`,
    DORA_DATABASE: join(folder, 'dora.db'),
    DORA_POLICY: join(folder, 'policy.yaml'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_WEBHOOK_SECRET: webhookSecret,
    DORA_ADMIN_TOKEN: adminToken,
  },
  stdio: ['ignore', 'pipe', 'inherit'],
  // Ctrl-C in a terminal reaches the whole group: the exporter is told once, by us.
  detached: true,
});
// It has ended by then, unless something failed that nobody foresaw.
process.prependListener('exit', () => exporter.kill('SIGKILL'));
let address = '';
exporter.stdout.setEncoding('utf8').on('data', (text: string) => {
  process.stdout.write(text);
  const found = /Listening address=(\S+)/.exec(text)?.[1];
  if (!found) return;
  address = found;
  process.stdout.write(`
  Status page   http://${address}/
  Metrics       http://${address}/metrics
  A backfill    curl -X POST -H 'Authorization: Bearer ${adminToken}' 'http://${address}/backfill?wait=true'

  A simulated Woodpecker runs at ${woodpecker.url}; a pipeline ends every few seconds. Ctrl-C ends both.

`);
});
const exited = new Promise<number>((resolve) => exporter.once('exit', (code) => resolve(code ?? 1)));
exited.then(() => stopping.abort());

let hasFailed = false;
try {
  while (!stopping.signal.aborted) {
    await delay(2_000, undefined, { signal: stopping.signal });
    await runOne();
  }
} catch (error) {
  hasFailed = !stopping.signal.aborted;
  if (hasFailed) process.stderr.write(`Demo cannot go on: ${describeError(error)}\n`);
}
exporter.kill('SIGTERM');
const code = await exited;
await woodpecker.close();
process.exit(hasFailed ? 1 : code);

/** `port` where nobody listens on it, else any. */
async function freePort(port: number): Promise<number> {
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isFree) await new Promise((resolve) => server.close(resolve));
  return isFree ? port : 0;
}

/** One pipeline from its start to its end, with the report that its last step posts. */
async function runOne(): Promise<void> {
  const repo = repos[Math.floor(random() * repos.length)];
  if (!repo || !address) return;
  const isDeployment = random() < 0.4;
  const { number } = woodpecker.createPipeline(repo, {
    event: isDeployment ? 'deployment' : 'push',
    branch: repo.default_branch,
    ...(isDeployment ? { deployTo: 'production' } : {}),
    workflows: ['build', 'deploy'],
  });
  woodpecker.startPipeline(repo, number);
  await delay(1_000 + random() * 2_000, undefined, { signal: stopping.signal });
  await fetch(`http://${address}/webhook`, {
    method: 'POST',
    headers: { authorization: `Bearer ${webhookSecret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ repo: repo.full_name, number }),
  });
  woodpecker.finishPipeline(repo, number, { status: random() < 0.8 ? 'success' : 'failure' });
}

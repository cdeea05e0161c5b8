/**
 * `npm run demo`: a simulated Woodpecker with months of history and a new pipeline every half minute, and the exporter. The
 * demo posts incidents as an alerting system does. Ctrl-C ends both and removes their folder; a killed demo leaves its
 * folder.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeError } from '../../src/util/log.ts';
import { createRandom, type DemoRepo, demoPolicy, fillHistory } from './demo-history.ts';
import { startFakeWoodpecker } from './fake-woodpecker.ts';

const webhookSecret = 'demo-webhook-secret';
const incidentSecret = 'demo-incident-secret';
const adminToken = 'demo-admin-token';
const preferredPort = 3672;
/** Average time from the start of one pipeline to the start of the next. */
const paceMs = Number(process.env['DEMO_PACE_SECONDS'] || 30) * 1000;

const stopping = new AbortController();
// Ctrl-C under npm arrives twice: the second one must not interrupt the end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
process.stdout.on('error', () => stopping.abort());

const random = createRandom(20_260_131);
const folder = mkdtempSync(join(tmpdir(), 'dora-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
const woodpecker = await startFakeWoodpecker();
const { repos, incidents } = fillHistory(woodpecker, random);
writeFileSync(join(folder, 'policy.yaml'), demoPolicy);

const [endWithParent, main] = ['end-with-parent.ts', '../../src/main.ts'].map(
  (path) => new URL(path, import.meta.url).pathname,
) as [string, string];
const exporter = spawn(process.execPath, ['--import', endWithParent, main], {
  env: {
    ...process.env,
    DORA_LISTEN: process.env['DORA_LISTEN'] || `127.0.0.1:${await freePort(preferredPort)}`,
    DORA_DATABASE: join(folder, 'dora.db'),
    DORA_POLICY: join(folder, 'policy.yaml'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_WEBHOOK_SECRET: webhookSecret,
    DORA_INCIDENT_SECRET: incidentSecret,
    DORA_ADMIN_TOKEN: adminToken,
  },
  // Its standard input ends with the demo, however that ends.
  stdio: ['pipe', 'pipe', 'inherit'],
  // Ctrl-C in a terminal reaches the whole process group: the exporter must get its signal only from us.
  detached: true,
});
// It has ended by now, except after an unexpected error.
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

  A simulated Woodpecker runs at ${woodpecker.url}; a pipeline runs every half minute. Ctrl-C ends both.

`);
});
const exited = new Promise<number>((resolve) => exporter.once('exit', (code) => resolve(code ?? 1)));
exited.then(() => stopping.abort());

let hasFailed = false;
try {
  while (!stopping.signal.aborted && !address) await delay(50, undefined, { signal: stopping.signal });
  for (const incident of incidents) await post('/incidents', incidentSecret, incident);
  while (!stopping.signal.aborted) {
    await runOne();
    await delay(paceMs * (0.3 + random()), undefined, { signal: stopping.signal });
  }
} catch (error) {
  hasFailed = !stopping.signal.aborted;
  if (hasFailed) process.stderr.write(`Demo cannot go on: ${describeError(error)}\n`);
}
exporter.kill('SIGTERM');
const code = await exited;
await woodpecker.close();
process.exit(hasFailed ? 1 : code);

/** Returns `port` if it is free, else a free one. */
async function freePort(port: number): Promise<number> {
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isFree) await new Promise((resolve) => server.close(resolve));
  return isFree ? port : 0;
}

async function post(path: string, secret: string, body: unknown): Promise<void> {
  await fetch(`http://${address}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** One pipeline from its start to its end, with the hint that its last step posts. */
async function runOne(): Promise<void> {
  const one = repos[Math.floor(random() * repos.length)];
  if (!one) return;
  const { repo } = one;
  const number = random() < 0.3 && !one.isInTrouble ? startRelease(one) : startPush(one);
  woodpecker.startPipeline(repo, number);
  await delay(paceMs * (0.1 + 0.2 * random()), undefined, { signal: stopping.signal });
  await post('/webhook', webhookSecret, { repo: repo.full_name, number });
  woodpecker.finishPipeline(repo, number, { status: random() < 0.85 ? 'success' : 'failure' });
}

/** Releases the commit that has waited longest, or the newest again. */
function startRelease({ repo, waiting }: DemoRepo): number {
  const commit = waiting.length > 1 ? waiting.shift() : waiting[0];
  return woodpecker.createPipeline(repo, {
    event: 'deployment',
    deployTo: 'production',
    ...(commit && { commit }),
  }).number;
}

function startPush({ repo, waiting }: DemoRepo): number {
  const { number, commit } = woodpecker.createPipeline(repo, {
    event: 'push',
    message: 'feat: another step',
    workflows: [
      { name: 'build', steps: ['clone', 'test'] },
      { name: 'deploy-staging', steps: ['rollout', 'notify'] },
    ],
  });
  waiting.push(commit);
  return number;
}

/**
 * Whether memory and open files stay constant over hours: the real service with a Woodpecker and a forge, under a
 * steady load of all good and bad events. `npm run bench -- soak 60` takes 60 minutes.
 *
 * Each second, one pipeline is created, another one ends, and 50 webhooks arrive. Some of these are forged, invalid,
 * incomplete, or about unknown pipelines. A scrape runs every 5 seconds. Every 3 minutes the stream breaks, and is refused
 * for a while; every 7 minutes all of Woodpecker is down for a while.
 *
 * The policy's windows are short, so that as many deployments leave memory as arrive. The database keeps all of them:
 * its growth is shown per pipeline.
 */

import { statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startFakeForge } from '../support/fake-forge.ts';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { signatureOf } from './events.ts';
import type { Held } from './probe.ts';
import {
  print,
  printTable,
  runBench,
  startExporter,
  sumOf,
  temporaryFolder,
  webhookSecret,
} from './support.ts';

const minutes = Number(process.argv[2] ?? 60);
const repos = 20;
const webhooksPerSecond = 50;
const policy = 'windows: [1m, 2m]\n';
/** A growth below this share of the mean, per hour, is shown as slow. */
const slowShare = 0.02;

interface Sample extends Held {
  readonly minute: number;
  readonly databaseMb: number;
  readonly pipelines: number;
  readonly worstMs: number;
}

await runBench(async () => {
  await using woodpecker = await startFakeWoodpecker();
  await using forge = await startFakeForge({ kind: 'forgejo' });
  const repoName = (index: number) => `acme/shop-${index % repos}`;
  for (let i = 0; i < repos; i++) {
    woodpecker.addRepo({ fullName: repoName(i), private: true, access: { alice: 'push' } });
    forge.addRepo(repoName(i));
  }
  const folder = temporaryFolder();
  const database = join(folder, 'dora.db');
  writeFileSync(join(folder, 'policy.yaml'), policy);
  const exporter = await startExporter({
    DORA_DATABASE: database,
    DORA_POLICY: join(folder, 'policy.yaml'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    DORA_FORGE_URL: forge.url,
    DORA_FORGE_KIND: forge.kind,
    DORA_FORGE_TOKEN: forge.token,
    DORA_RECONCILE_INTERVAL: '1m',
  });
  const url = `http://127.0.0.1:${exporter.port}`;

  const answers = new Map<number | string, number>();
  const count = (answer: number | string) => answers.set(answer, (answers.get(answer) ?? 0) + 1);
  let worstMs = 0;
  const heads = new Map<string, string>();
  const alive: { repo: string; number: number; endsAt: number }[] = [];
  let created = 0;
  let ended = 0;

  const post = async (body: string, signature = signatureOf(body, webhookSecret)): Promise<void> => {
    const began = performance.now();
    try {
      const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
      const answer = await fetch(`${url}/webhook`, { method: 'POST', headers, body });
      await answer.arrayBuffer();
      count(answer.status);
    } catch (error) {
      count(String(error));
    }
    worstMs = Math.max(worstMs, performance.now() - began);
  };
  /** A request that ends before its body, together with its connection. */
  const breakOff = () => {
    const socket = connect(exporter.port, '127.0.0.1', () => {
      socket.write('POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"repo":');
      setTimeout(() => socket.destroy(), 2_000);
    });
    socket.on('error', () => count('broken off'));
  };
  const postNext = (index: number): unknown => {
    const newest = alive.at(index % Math.max(alive.length, 1)) ?? { repo: repoName(0), number: 1 };
    const report = JSON.stringify({ repo: newest.repo, number: newest.number, status: 'success' });
    switch (index % webhooksPerSecond) {
      case 1:
      case 11:
      case 21:
        return post(report, `sha256=${'0'.repeat(64)}`);
      case 2:
        return post('{"repo": ');
      case 12:
        return post('{"repo": {"full_name": 7}, "pipeline": []}');
      case 3:
        return post(JSON.stringify({ repo: repoName(index), number: 1_000_000 + index }));
      case 13:
        return post(JSON.stringify({ repo: `stranger/${index}`, number: 1 }));
      case 4:
        return breakOff();
      case 5:
        return post(JSON.stringify({ repo: { owner: 'acme', name: 'shop-1' }, build: { number: created } }));
      default:
        return post(report);
    }
  };
  const turnPipelines = () => {
    const repo = repoName(created++);
    const committedAt = Math.floor(Date.now() / 1000) - 60;
    const before = heads.get(repo);
    const commit = forge.commit(repo, { parents: before === undefined ? [] : [before], committedAt });
    heads.set(repo, commit);
    const { number } = woodpecker.createPipeline(repo, { commit });
    woodpecker.startPipeline(repo, number);
    alive.push({ repo, number, endsAt: Date.now() + 5_000 + ((created * 7) % 16) * 1_000 });
    for (const one of alive.filter(({ endsAt }) => endsAt <= Date.now())) {
      alive.splice(alive.indexOf(one), 1);
      woodpecker.finishPipeline(one.repo, one.number, { status: ++ended % 5 === 0 ? 'failure' : 'success' });
    }
  };
  const scrape = async (index: number): Promise<void> => {
    const path = index % 12 === 0 ? '/' : '/metrics';
    const headers = { 'accept-encoding': index % 2 === 0 ? 'gzip' : 'identity' };
    const answer = await fetch(`${url}${path}`, { headers });
    await answer.arrayBuffer();
    if (answer.status !== 200) count(`${path} ${answer.status}`);
  };
  const loseStream = async (how: 'break' | 'end'): Promise<void> => {
    const fault = woodpecker.fault({ match: '/api/stream', answer: { status: 502 } });
    woodpecker.streams.dropAll(how);
    await delay(10_000);
    fault.clear();
  };
  const loseWoodpecker = async (): Promise<void> => {
    const fault = woodpecker.fault({ answer: { status: 503 } });
    await delay(15_000);
    fault.clear();
  };

  let sent = 0;
  let second = 0;
  const errors: unknown[] = [];
  const background = (work: Promise<unknown>) => void work.catch((error) => errors.push(error));
  const sending = setInterval(() => background(Promise.resolve(postNext(sent++))), 1000 / webhooksPerSecond);
  const ticking = setInterval(() => {
    second++;
    turnPipelines();
    if (second % 5 === 0) background(scrape(second / 5));
    if (second % 180 === 100) background(loseStream(second % 360 === 100 ? 'break' : 'end'));
    if (second % 420 === 200) background(loseWoodpecker());
  }, 1000);

  const samples: Sample[] = [];
  print('minute   RSS MB  heap MB  external MB  files  resources  database MB  pipelines  worst ms');
  for (let minute = 1; minute <= minutes; minute++) {
    await delay(60_000);
    woodpecker.clearRequests();
    forge.clearRequests();
    const sample: Sample = {
      ...(await exporter.held()),
      minute,
      databaseMb: (statSync(database).size + statSync(`${database}-wal`).size) / 2 ** 20,
      pipelines: ended,
      worstMs,
    };
    worstMs = 0;
    samples.push(sample);
    const { rssMb, heapMb, externalMb, openFiles, resources, databaseMb, pipelines } = sample;
    const cells = [
      String(minute).padEnd(6),
      rssMb.toFixed(1).padStart(9),
      heapMb.toFixed(2).padStart(9),
      externalMb.toFixed(2).padStart(13),
      String(openFiles).padStart(7),
      String(sumOfKinds(resources)).padStart(11),
      databaseMb.toFixed(2).padStart(13),
      String(pipelines).padStart(11),
      sample.worstMs.toFixed(0).padStart(10),
    ];
    print(`${cells.join('')}  ${JSON.stringify(resources)}`);
  }
  clearInterval(sending);
  clearInterval(ticking);
  woodpecker.clearFaults();
  const counted = await settle(async () => sumOf(await exporter.metrics(), 'dora_deployments_total'), ended);
  await exporter.stop();

  const late = samples.slice(Math.floor(samples.length / 2));
  print();
  print(`Slopes per hour over the last ${late.length} minutes, with their standard errors`);
  printTable(
    ['', 'mean', 'slope/h', '± error', 'verdict'],
    [
      judge('RSS MB', late, ({ rssMb }) => rssMb),
      judge('heap MB', late, ({ heapMb }) => heapMb),
      judge('external MB', late, ({ externalMb }) => externalMb),
      judge('open files', late, ({ openFiles }) => openFiles),
      judge('active resources', late, ({ resources }) => sumOfKinds(resources)),
    ],
  );
  const [first, last] = [late[0], late.at(-1)];
  if (first && last && last.pipelines > first.pipelines) {
    const bytes = ((last.databaseMb - first.databaseMb) * 2 ** 20) / (last.pipelines - first.pipelines);
    print(`Database: ${bytes.toFixed(0)} bytes per pipeline`);
  }
  print(`Pipelines ended: ${ended}, counted: ${counted}`);
  print(`Webhooks sent: ${sent}, answers: ${JSON.stringify(Object.fromEntries(answers))}`);
  if (errors.length > 0) print(`Failed: ${errors.length} times, first with ${errors[0]}`);
});

/** Polls until the value is the expected one, for at most two minutes; returns the last value. */
async function settle(look: () => Promise<number>, expected: number): Promise<number> {
  let seen = await look();
  for (let tries = 0; tries < 120 && seen !== expected; tries++) {
    await delay(1_000);
    seen = await look();
  }
  return seen;
}

function sumOfKinds(resources: Held['resources']): number {
  return Object.values(resources).reduce((sum, n) => sum + n, 0);
}

/** Fits a line to the samples, by least squares. */
function judge(title: string, samples: readonly Sample[], pick: (sample: Sample) => number): string[] {
  const n = samples.length;
  const hours = samples.map(({ minute }) => minute / 60);
  const values = samples.map(pick);
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / n;
  const [meanHours, meanValue] = [mean(hours), mean(values)];
  const spread = hours.reduce((sum, hour) => sum + (hour - meanHours) ** 2, 0);
  const slope =
    hours.reduce((sum, hour, i) => sum + (hour - meanHours) * ((values[i] ?? 0) - meanValue), 0) / spread;
  const residual = hours.reduce(
    (sum, hour, i) => sum + ((values[i] ?? 0) - meanValue - slope * (hour - meanHours)) ** 2,
    0,
  );
  const error = Math.sqrt(residual / Math.max(n - 2, 1) / spread);
  const verdict = slope <= 2 * error ? 'flat' : slope <= slowShare * meanValue ? 'grows slowly' : 'grows';
  return [title, meanValue.toFixed(2), slope.toFixed(2), error.toFixed(2), verdict];
}

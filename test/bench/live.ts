/**
 * How soon the end of a pipeline that arrives over the event stream is in /metrics: from the time when Woodpecker has
 * written and published it to the first scrape that counts it. The scrapes run without a pause, so each figure includes
 * a scrape; the table also shows the time of a scrape alone. Aim: a median below 100 ms on loopback.
 */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { median, print, printTable, runBench, startExporter, sumOf, temporaryFolder } from './support.ts';

const ends = 300;
const repos = 20;

await runBench(async () => {
  await using woodpecker = await startFakeWoodpecker();
  for (let i = 0; i < repos; i++) {
    woodpecker.addRepo({ fullName: `acme/shop-${i}`, private: true, access: { alice: 'push' } });
  }
  const exporter = await startExporter({
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: woodpecker.userToken,
    // No reconciliation and no webhooks, so all events arrive over the stream.
    DORA_RECONCILE_INTERVAL: '0',
  });
  while (woodpecker.streams.openCount === 0) await delay(20);
  await delay(3_000);

  const latencies: number[] = [];
  const scrapes: number[] = [];
  for (let end = 1; end <= ends; end++) {
    const repo = `acme/shop-${end % repos}`;
    const { number } = woodpecker.createPipeline(repo);
    woodpecker.startPipeline(repo, number);
    await delay(5 + (end % 17));
    const idle = performance.now();
    await exporter.metrics();
    scrapes.push(performance.now() - idle);

    const began = performance.now();
    woodpecker.finishPipeline(repo, number, { status: end % 5 === 0 ? 'failure' : 'success' });
    while (sumOf(await exporter.metrics(), 'dora_deployments_total') < end) {
      if (performance.now() - began > 30_000) throw new Error(`End ${end} does not show`);
    }
    latencies.push(performance.now() - began);
  }
  await exporter.stop();

  print(`From ${ends} ends to their change on /metrics over the stream; aim: median below 100 ms`);
  const row = (title: string, values: readonly number[]) => [
    title,
    median(values).toFixed(1),
    Math.max(...values).toFixed(1),
  ];
  printTable(
    ['', 'median ms', 'worst ms'],
    [row('end to scrape', latencies), row('a scrape alone', scrapes)],
  );
});

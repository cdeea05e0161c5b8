/**
 * How fast the exporter reads 100,000 pipelines of 20 repos from Woodpecker at its first start, how many requests it
 * sends, and how long its event loop stalls at most.
 *
 * Floor: fetching the same pages with the same number of parallel requests, and parsing their JSON. The simulated
 * Woodpecker creates its pages for each request, and takes its part of both times; the CPU time is only the client's.
 * Aim: no stall above 50 ms.
 */

import { join } from 'node:path';
import type { PagesRead } from './page-reader.ts';
import type { Probed } from './probe.ts';
import {
  median,
  print,
  printTable,
  runBench,
  startExporter,
  startHelper,
  sumOf,
  temporaryFolder,
} from './support.ts';
import type { WoodpeckerAddress, WoodpeckerOrder } from './woodpecker-process.ts';

const order: WoodpeckerOrder = { repos: 20, pipelines: 100_000, days: 100 };
const rounds = 3;

interface Read {
  readonly seconds: number;
  readonly requests: number;
  readonly probed: Probed;
}

await runBench(async () => {
  const woodpecker = startHelper('woodpecker-process.ts');
  const reader = startHelper('page-reader.ts');
  const address = (await woodpecker.ask(order)) as WoodpeckerAddress;
  const results: { bare: Read; real: Read }[] = [];
  for (let round = 0; round < rounds; round++) {
    await reader.probe();
    const read = (await reader.ask(address)) as PagesRead;
    if (read.pipelines !== order.pipelines) throw new Error(`The floor has read ${read.pipelines} pipelines`);
    const bare: Read = { ...read, probed: await reader.probe() };
    await woodpecker.ask('requests');

    const exporter = await startExporter({
      DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
      DORA_WOODPECKER_URL: address.url,
      DORA_WOODPECKER_TOKEN: address.token,
      DORA_RECONCILE_INTERVAL: '0',
      DORA_STREAM: 'false',
    });
    const probed = await exporter.probe();
    const requests = (await woodpecker.ask('requests')) as number;
    const counted = sumOf(await exporter.metrics(), 'dora_deployments_total');
    const expected = order.pipelines - order.repos * Math.floor(order.pipelines / order.repos / 3);
    if (counted !== expected) throw new Error(`${counted} deployments were counted instead of ${expected}`);
    await exporter.stop();
    results.push({ bare, real: { seconds: exporter.readyMs / 1000, requests, probed } });
  }

  const row = (title: string, of: (result: { bare: Read; real: Read }) => Read) => {
    const medianOf = (value: (read: Read) => number) => median(results.map((result) => value(of(result))));
    return [
      title,
      medianOf(({ requests }) => requests),
      medianOf(({ seconds }) => seconds).toFixed(1),
      medianOf(({ seconds }) => order.pipelines / seconds).toFixed(0),
      medianOf(({ probed }) => probed.cpuMs / 1000).toFixed(1),
      medianOf(({ probed }) => probed.peakRssMb).toFixed(0),
      Math.max(...results.map((result) => of(result).probed.longestStretchMs)).toFixed(0),
    ];
  };
  const ratioOf = (value: (read: Read) => number) =>
    median(results.map(({ bare, real }) => value(real) / value(bare))).toFixed(2);
  print(`${order.pipelines} pipelines of ${order.repos} repos; aim: no stretch beyond 50 ms`);
  printTable(
    ['', 'requests', 'seconds', 'pipelines/s', 'CPU s', 'peak MB', 'longest stretch ms'],
    [
      row('exporter, from its start until ready', ({ real }) => real),
      row('floor', ({ bare }) => bare),
      [
        'ratio',
        ratioOf(({ requests }) => requests),
        ratioOf(({ seconds }) => seconds),
        ratioOf(({ seconds }) => 1 / seconds),
        ratioOf(({ probed }) => probed.cpuMs),
        ratioOf(({ probed }) => probed.peakRssMb),
        '',
      ],
    ],
  );
});

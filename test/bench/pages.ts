/**
 * How long pages take with few and with many pairs, how long the event loop stalls at most, and how much memory the
 * process needs.
 *
 * Aims: the first byte within 100 ms after the first request for a page, and no stall above 50 ms, on an otherwise idle
 * machine.
 */

import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeHistory } from './history.ts';
import {
  type Exporter,
  median,
  print,
  printTable,
  runBench,
  startExporter,
  temporaryFolder,
} from './support.ts';

const rounds = 7;
const paths = [
  '/',
  '/?window=90d',
  '/?sort=fail_rate',
  '/operations',
  '/?at=20d',
  '/api/history?tier=unassigned&window=30d',
];

await runBench(async () => {
  for (const repos of [10, 500, 10_000]) {
    const path = join(temporaryFolder(), 'pages.db');
    await writeHistory(path, { pipelines: Math.max(20_000, repos * 10), repos, days: 120 });
    const exporter = await startExporter({ DORA_DATABASE: path });
    const { rssMb } = await exporter.probe();
    const rows: (string | number)[][] = [];
    for (const asked of paths) rows.push(await measure(exporter, asked));
    print(`${repos} pairs; ${rssMb.toFixed(0)} MiB before`);
    printTable(['', 'first ms', 'again ms', 'KiB', 'longest stretch ms', 'RSS MiB'], rows);
    print();
    await exporter.stop();
  }
});

/** Time to the first byte: of the first request, and of later ones. */
async function measure(exporter: Exporter, path: string): Promise<(string | number)[]> {
  const again: number[] = [];
  await exporter.probe();
  const first = await ask(exporter.port, path);
  // By then, work for which the page does not wait is done.
  await delay(2_000);
  const behind = await exporter.probe();
  for (let round = 0; round < rounds; round++) again.push((await ask(exporter.port, path)).firstByteMs);
  const { longestStretchMs, rssMb } = await exporter.probe();
  return [
    path,
    first.firstByteMs.toFixed(0),
    median(again).toFixed(0),
    first.bytes >> 10,
    Math.max(longestStretchMs, behind.longestStretchMs).toFixed(0),
    Math.max(rssMb, behind.rssMb).toFixed(0),
  ];
}

function ask(port: number, path: string): Promise<{ readonly firstByteMs: number; readonly bytes: number }> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let firstByteMs = 0;
    let bytes = 0;
    const asked = request({ host: '127.0.0.1', port, path }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`${path} was answered with ${response.statusCode}`));
      response.on('data', (chunk: Buffer) => {
        firstByteMs ||= performance.now() - began;
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ firstByteMs, bytes }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/**
 * How long the exporter takes from the start of its process until it listens and is ready, and how much memory it then
 * needs, with a million pipelines of 200 repos in its database: spread over two years, and all in the last 90 days.
 *
 * Floor: the same process on an empty database. Aim: 3 s and 300 MB when ready, with two years. The files are in the
 * page cache; a cold disk takes additional time.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { writeHistory } from './history.ts';
import type { Probed } from './probe.ts';
import { median, print, printTable, runBench, startExporter, sumOf, temporaryFolder } from './support.ts';

const pipelines = 1_000_000;
const repos = 200;
const rounds = 5;

interface Start {
  readonly listeningMs: number;
  readonly readyMs: number;
  readonly probed: Probed;
}

await runBench(async () => {
  const folder = temporaryFolder();
  const starts = new Map<string, { path: string; results: Start[]; expected: number }>();
  starts.set('empty', { path: join(folder, 'empty.db'), results: [], expected: 0 });
  for (const [title, days] of [
    ['two years', 730],
    ['90 days', 90],
  ] as const) {
    const path = join(folder, `${days}.db`);
    const { deployments, inWindow } = await writeHistory(path, { pipelines, repos, days });
    const megabytes = statSync(path).size / 2 ** 20;
    const share = (100 * inWindow) / pipelines;
    print(
      `${title}: ${pipelines} pipelines, ${share.toFixed(0)} % are deployments of the last 90 days, ${megabytes.toFixed(0)} MB`,
    );
    starts.set(title, { path, results: [], expected: deployments });
  }

  for (let round = 0; round <= rounds; round++) {
    for (const [title, { path, results, expected }] of starts) {
      const exporter = await startExporter({ DORA_DATABASE: path });
      const { listeningMs, readyMs } = exporter;
      const probed = await exporter.probe();
      const counted = sumOf(await exporter.metrics(), 'dora_deployments_total');
      if (counted !== expected) throw new Error(`${title}: ${counted} deployments instead of ${expected}`);
      await exporter.stop();
      if (round > 0) results.push({ listeningMs, readyMs, probed });
    }
  }

  const floor = starts.get('empty')?.results ?? [];
  const medianOf = (results: readonly Start[], value: (start: Start) => number) => median(results.map(value));
  const rows = [...starts].map(([title, { results }]) => {
    const ready = medianOf(results, ({ readyMs }) => readyMs);
    return [
      title,
      medianOf(results, ({ listeningMs }) => listeningMs).toFixed(0),
      ready.toFixed(0),
      (ready / medianOf(floor, ({ readyMs }) => readyMs)).toFixed(1),
      medianOf(results, ({ probed }) => probed.cpuMs).toFixed(0),
      medianOf(results, ({ probed }) => probed.rssMb).toFixed(0),
      medianOf(results, ({ probed }) => probed.peakRssMb).toFixed(0),
      medianOf(results, ({ probed }) => probed.heapMb).toFixed(0),
      medianOf(results, ({ probed }) => probed.longestStretchMs).toFixed(0),
    ];
  });
  print('\nAim: 3000 ms and 300 MB when ready, with two years');
  const headings = ['', 'listening ms', 'ready ms', 'of empty', 'CPU ms', 'RSS MB', 'peak MB', 'heap MB'];
  printTable([...headings, 'longest stretch ms'], rows);
});

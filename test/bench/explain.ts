/**
 * How long an explanation of a large window takes, and the figures of ten thousand pairs; how long the event loop
 * stalls at most, and how much memory the process needs.
 *
 * Aim: no stall above 50 ms, on an otherwise idle machine.
 */

import { join } from 'node:path';
import { writeHistory } from './history.ts';
import { median, print, printTable, runBench, startExporter, temporaryFolder } from './support.ts';

const rounds = 5;
const day = 86_400_000;

await runBench(async () => {
  const large = join(temporaryFolder(), 'large.db');
  const { inWindow } = await writeHistory(large, { pipelines: 200_000, repos: 1, days: 120 });
  const wide = join(temporaryFolder(), 'wide.db');
  await writeHistory(wide, { pipelines: 100_000, repos: 10_000, days: 29 });
  print(`One repo with ${inWindow} deployments in 90 days and half as many pull requests; then 10000 repos`);

  const pair = 'repo=acme/shop-1&tier=unassigned&window=90d';
  const past = new Date(Date.now() - 20 * day).toISOString();
  const rows = [
    ...(await measure(large, [
      ['explain, newest 500 of 90 days', `/api/explain?${pair}`],
      ['explain, newest 1000 of 90 days', `/api/explain?${pair}&limit=1000`],
      // Begins before the deployments in memory: the exporter reads all deployments of the repo from the store.
      ['explain, as of 20 days ago', `/api/explain?${pair}&at=${past}`],
      ['explain, as a page', `/explain?${pair}`],
    ])),
    ...(await measure(wide, [
      ['dora, 10000 pairs', '/api/dora?window=30d'],
      ['status page, 10000 pairs', '/'],
    ])),
  ];
  printTable(['', 'ms', 'KiB', 'longest stretch ms', 'RSS MiB'], rows);
});

async function measure(path: string, asked: readonly (readonly [title: string, url: string])[]) {
  const exporter = await startExporter({ DORA_DATABASE: path });
  const rows: (string | number)[][] = [];
  for (const [title, url] of asked) {
    const results: { ms: number; bytes: number; stretchMs: number; rss: number }[] = [];
    for (let round = 0; round <= rounds; round++) {
      await exporter.probe();
      const began = performance.now();
      const answer = await fetch(`http://127.0.0.1:${exporter.port}${url}`);
      if (answer.status !== 200) throw new Error(`${url} was answered with ${answer.status}`);
      const bytes = (await answer.arrayBuffer()).byteLength;
      const ms = performance.now() - began;
      const { longestStretchMs: stretchMs, rssMb: rss } = await exporter.probe();
      // The first request also warms up. The median ignores its time, but the longest stretch includes it.
      results.push({ ms, bytes, stretchMs, rss });
    }
    rows.push([
      title,
      median(results.map(({ ms }) => ms)).toFixed(0),
      (results[0]?.bytes ?? 0) >> 10,
      Math.max(...results.map(({ stretchMs }) => stretchMs)).toFixed(0),
      Math.max(...results.map(({ rss }) => rss)).toFixed(0),
    ]);
  }
  await exporter.stop();
  return rows;
}

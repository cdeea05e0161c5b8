/**
 * `npm run export`: how fast it writes, how much, and whether its memory grows with the history. Exports a month of 20
 * repos with 111 deployments a day in total, from a history of 90 days and from one of 1800 days; then with twenty
 * times as many deployments a day.
 *
 * Floor: writing the same number of bytes to the same disk. Aim: the same peak of memory for both histories.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeHistory } from './history.ts';
import { median, print, printTable, runBench, temporaryFolder } from './support.ts';

const repos = 20;
const histories = [
  { deployments: 10_000, days: 90 },
  { deployments: 200_000, days: 1800 },
  { deployments: 200_000, days: 90 },
];
const rounds = 3;
const script = new URL('../../src/export/main.ts', import.meta.url).pathname;
const measure = `process.on('exit', () => process.stderr.write(JSON.stringify(process.resourceUsage()) + '\\n'))`;

interface Run {
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakMb: number;
  readonly samples: string;
  readonly bytes: number;
}

await runBench(async () => {
  const folder = temporaryFolder();
  const output = join(folder, 'history.om');
  const runs = new Map<string, { path: string; results: Run[] }>();
  for (const { deployments, days } of histories) {
    const title = `${deployments} in ${days} days`;
    const path = join(folder, `${title}.db`);
    // Two of three pipelines are deployments.
    await writeHistory(path, { pipelines: deployments * 1.5, repos, days });
    runs.set(title, { path, results: [] });
  }
  const copies: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const { path, results } of runs.values()) {
      const run = await runExport(path, output);
      if (round > 0) results.push(run);
    }
    if (round > 0) copies.push(copy(statSync(output).size, join(folder, 'copy')));
  }
  const rows = [...runs].map(([title, { results }]) => {
    const of = (value: (run: Run) => number) => median(results.map(value));
    const samples = results[0]?.samples ?? '';
    return [
      title,
      samples,
      (of(({ bytes }) => bytes) / 2 ** 20).toFixed(0),
      of(({ ms }) => ms).toFixed(0),
      (of(({ ms }) => ms) / median(copies)).toFixed(1),
      of(({ cpuMs }) => cpuMs).toFixed(0),
      of(({ peakMb }) => peakMb).toFixed(0),
    ];
  });
  print(`A month of ${repos} repos; writing as much takes ${median(copies).toFixed(0)} ms`);
  printTable(['', 'written', 'MB', 'ms', 'of writing', 'CPU ms', 'peak MB'], rows);
});

async function runExport(database: string, output: string): Promise<Run> {
  const began = performance.now();
  const args = ['--from', '33d', '--to', '3d', '--label', 'job=dora', '--label', 'instance=dora:3672'];
  const preload = `data:text/javascript,${encodeURIComponent(measure)}`;
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=2', '--import', preload, script, ...args, '--output', output],
    {
      env: { ...process.env, DORA_DATABASE: database },
      stdio: ['ignore', 'inherit', 'pipe'],
      timeout: 300_000,
    },
  );
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(text);
  const lines = text.trim().split('\n');
  const usage = JSON.parse(lines.at(-1) ?? '') as NodeJS.ResourceUsage;
  return {
    ms: performance.now() - began,
    cpuMs: (usage.userCPUTime + usage.systemCPUTime) / 1000,
    peakMb: usage.maxRSS / 2 ** 10,
    samples: lines.at(-2)?.replace(/ written.*/, '') ?? '',
    bytes: statSync(output).size,
  };
}

/** Milliseconds for writing this number of bytes. */
function copy(bytes: number, path: string): number {
  const piece = Buffer.alloc(256 * 1024, 'x');
  const began = performance.now();
  const file = openSync(path, 'w');
  for (let written = 0; written < bytes; written += piece.length) writeSync(file, piece);
  closeSync(file);
  const ms = performance.now() - began;
  rmSync(path);
  return ms;
}

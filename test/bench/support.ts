/**
 * Common code of the benchmarks: the real exporter in its own process with a probe inside, helper processes, folders
 * that are removed at the end, and tables of figures.
 *
 * Machines are noisy, so every figure comes from several rounds, in which the service and its floor take turns. The
 * tables show the median, and its ratio to the floor's median.
 */

import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Held, Probed } from './probe.ts';

export const webhookSecret = 'bench-webhook-secret';

const main = new URL('../../src/main.ts', import.meta.url).pathname;
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly scripts: { readonly start: string };
};
/** The Node options of `npm start`, and how it limits the pools of memory of threads. */
const nodeOptions = /exec node (.*) src/.exec(scripts.start)?.[1]?.split(' ') ?? [];
const arenas = /MALLOC_ARENA_MAX=(\d+)/.exec(scripts.start)?.[1] ?? '';
/** The folder in which `npm start` keeps compiled sources. */
const compiled = new URL('../../node_modules/.cache/node', import.meta.url).pathname;
const probe = new URL('probe.ts', import.meta.url).href;
/** The longest wait for anything in a benchmark. */
const patienceMs = 300_000;

const cleanups: (() => Promise<void> | void)[] = [];

/** Runs a benchmark, then ends all processes that it started and removes its files. */
export async function runBench(bench: () => Promise<void>): Promise<void> {
  try {
    await bench();
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Creates a folder on the disk of the temporary files. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dora-bench-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Exporter {
  /** Port of its HTTP server on 127.0.0.1. */
  readonly port: number;
  /** Time since the spawn of the process. */
  readonly listeningMs: number;
  /** Time from the spawn of the process to the first 200 from `/readyz`. */
  readonly readyMs: number;
  /** The resources that the process has used since the last call, and its longest stall of the event loop. */
  probe(): Promise<Probed>;
  /** The resources that the process still holds after garbage collection. */
  held(): Promise<Held>;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the service and waits until it is ready. */
export async function startExporter(settings: Readonly<Record<string, string>>): Promise<Exporter> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('DORA_'));
  // Only a process that ends by itself keeps its compiled sources: most exporters here are killed.
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
  spawnSync(process.execPath, [...nodeOptions, '--import', probe, main, '--version'], { env });
  const began = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, '--import', probe, main], {
    env: {
      ...Object.fromEntries(inherited),
      NODE_COMPILE_CACHE: compiled,
      MALLOC_ARENA_MAX: arenas,
      DORA_LISTEN: '127.0.0.1:0',
      DORA_WEBHOOK_SECRET: webhookSecret,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  cleanups.push(() => void child.kill('SIGKILL'));
  let output = '';
  const listening = new Promise<number>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      const port = /Listening address=\S+:(\d+)/.exec(output)?.[1];
      if (port) resolve(Number(port));
    });
    child.once('exit', () => reject(new Error(`The exporter has ended:\n${output}`)));
  });
  const port = await listening;
  const listeningMs = performance.now() - began;
  const url = `http://127.0.0.1:${port}`;
  while ((await fetch(`${url}/readyz`)).status !== 200) {
    if (performance.now() - began > patienceMs) throw new Error(`The exporter is not ready:\n${output}`);
    await delay(20);
  }
  return {
    port,
    listeningMs,
    readyMs: performance.now() - began,
    probe: () => ask(child, 'probe') as Promise<Probed>,
    held: () => ask(child, 'held') as Promise<Held>,
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export interface Helper {
  /** Sends a message, and returns its answer. */
  ask(message: unknown): Promise<unknown>;
  probe(): Promise<Probed>;
}

/** Starts a script beside this file in its own process, with a probe inside. */
export function startHelper(file: string): Helper {
  const child = fork(new URL(file, import.meta.url), { stdio: 'inherit', execArgv: ['--import', probe] });
  cleanups.push(() => void child.kill('SIGKILL'));
  return { ask: (message) => ask(child, message), probe: () => ask(child, 'probe') as Promise<Probed> };
}

async function ask(child: ChildProcess, message: unknown): Promise<unknown> {
  return new Promise<unknown>((resolve, reject) => {
    const onExit = () => reject(new Error('The process has ended'));
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
    child.send(message as object);
  });
}

/** The median. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

/** The sum of a metric's samples in the text format. */
export function sumOf(metrics: string, name: string): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Number of samples in the text format that begin with this pattern. */
export function countSamples(metrics: string, begin: RegExp): number {
  return metrics.split('\n').filter((line) => begin.test(line)).length;
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** Prints rows below their headings, with columns of the necessary width. */
export function printTable(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  const lines = [headings, ...rows.map((row) => row.map(String))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    print(cells.join('  ').trimEnd());
  }
  print();
}

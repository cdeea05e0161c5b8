/**
 * Runs in the exporter's process before its own code (`node --import`). When asked over the IPC channel, it reports the
 * resources that the process has used and its longest stall of the event loop, since the last question; or the
 * resources that the process still holds.
 */

import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Probed {
  /** The longest stretch without a turn of the event loop (a stall), within two milliseconds. */
  readonly longestStretchMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
  /** Since the start of the process. */
  readonly peakRssMb: number;
  readonly heapMb: number;
}

/** What remains after garbage collection. */
export interface Held {
  readonly rssMb: number;
  readonly heapMb: number;
  /** Buffers outside the heap. */
  readonly externalMb: number;
  readonly openFiles: number;
  /** Number of resources that keep the event loop alive, by kind, such as `Timeout`. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Resolution of the timer that measures delays; each delay includes it. */
const resolutionMs = 2;

const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
let cpu = process.cpuUsage();

process.on('message', (message) => {
  if (message === 'held') void look().then((held) => process.send?.(held));
  if (message !== 'probe') return;
  const used = process.cpuUsage(cpu);
  const probed: Probed = {
    longestStretchMs: Math.max(0, delays.max / 1e6 - resolutionMs),
    cpuMs: (used.user + used.system) / 1000,
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    peakRssMb: process.resourceUsage().maxRSS / 2 ** 10,
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
  };
  process.send?.(probed);
  delays.reset();
  cpu = process.cpuUsage();
});

async function look(): Promise<Held> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  // Collecting one object releases others (such as signals of ended requests), so collection needs several rounds.
  for (let round = 0; round < 3; round++) {
    collect();
    await delay(100);
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    rssMb: rss / 2 ** 20,
    heapMb: heapUsed / 2 ** 20,
    externalMb: external / 2 ** 20,
    openFiles: readdirSync('/proc/self/fd').length,
    resources,
  };
}

/**
 * Loaded into the exporter's process before its own code (`node --import`): tells, when asked over the IPC channel, what
 * the process has used and how long its event loop stood still at most, since it was last asked.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Probed {
  /** Longest stretch in which the event loop had no turn, give or take two milliseconds. */
  readonly longestStretchMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
  /** Since the process began. */
  readonly peakRssMb: number;
  readonly heapMb: number;
}

/** Of the timer that the delays are measured with; it is part of each. */
const resolutionMs = 2;

const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
let cpu = process.cpuUsage();

process.on('message', (message) => {
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

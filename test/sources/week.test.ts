/**
 * A week with a Woodpecker whose stream breaks every hour, in simulated time and over real sockets. Whatever leaks
 * with each connection, request or round shows by the end.
 */

import { getEventListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { addMine, type Live, passWithPings, startLive } from '../support/live-harness.ts';

const minute = 60_000;

const deaths = ['restart', 'break', 'end', 'silence'] as const;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

interface Footprint {
  readonly heapKb: number;
  readonly sleepers: number;
  /** Open streams, counted by the server. */
  readonly streams: number;
  readonly sockets: number;
  readonly timers: number;
  readonly listeners: number;
}

it('a week in which the stream breaks every hour leaks no memory, timers or sockets', async () => {
  const prepare = addMine('acme/shop', 'acme/site', 'acme/infra');
  const live = await startLive({ prepare, intervalSeconds: 900, idleMs: 15 * minute });
  const { woodpecker, harness } = live;
  harness.run('stream', 'poll', 'reconcile', 'background');

  const days: Footprint[] = [];
  for (let day = 0; day < 7; day++) {
    for (let hours = 0; hours < 24; hours++) await oneHour(live, hours);
    woodpecker.clearRequests();
    days.push(await footprintOf(live));
  }

  expect(harness.losses).toBe(7 * 24);
  // The stream reported one half, reconciliation found the other. None was lost and none counted twice.
  expect(harness.shown('acme/shop')?.deployments).toBe(7 * 24);
  expect(harness.shown('acme/site')?.deployments).toBe(7 * 24);
  expect(harness.events.get('stream stored')).toBe(7 * 24);
  expect(harness.events.get('reconcile stored')).toBe(7 * 24);

  // By the second day everything is warmed up.
  const [, ...warm] = days;
  const [first] = warm;
  if (!first) throw new Error('There was no second day');
  for (const day of warm) {
    // One per loop, and one that checks the token of the open stream.
    expect(day.sleepers).toBe(5);
    expect(day.streams).toBe(1);
    expect(day.listeners).toBe(first.listeners);
    expect(day.timers).toBe(first.timers);
    expect(day.sockets).toBeLessThanOrEqual(first.sockets + 2);
  }
  const leastOf = (some: readonly Footprint[]) => Math.min(...some.map(({ heapKb }) => heapKb));
  // Stored rows take some memory. A leak of a kilobyte per request would make 1.5 MB.
  expect(leastOf(warm.slice(-3)) - leastOf(warm.slice(0, 3))).toBeLessThan(600);
});

/**
 * A pipeline ends while the stream is open. Then the stream breaks, in one of four ways, and a pipeline ends
 * without an event.
 */
async function oneHour(live: Live, hours: number): Promise<void> {
  const { clock, woodpecker } = live;
  await passWithPings(live, 30 * minute, 10 * minute);
  woodpecker.runPipeline('acme/shop', {}, { status: hours % 5 === 0 ? 'failure' : 'success' });
  await clock.pass(minute);
  const death = deaths[hours % deaths.length];
  if (death === 'restart') await woodpecker.restart();
  else if (death !== 'silence') woodpecker.streams.dropAll(death);
  woodpecker.addPipeline('acme/site');
  await clock.pass(16 * minute * Number(death === 'silence'));
  await passWithPings(live, (death === 'silence' ? 13 : 29) * minute, 10 * minute);
}

async function footprintOf({ clock, woodpecker, harness }: Live): Promise<Footprint> {
  // Finalizers free more in the turn after a collection, so collect several times.
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await delay(10);
  }
  const active = process.getActiveResourcesInfo();
  return {
    heapKb: Math.round(dataBytes() / 1024),
    sleepers: clock.sleepers,
    streams: woodpecker.streams.openCount,
    sockets: active.filter((kind) => kind === 'TCPSocketWrap').length,
    timers: active.filter((kind) => kind === 'Timeout').length,
    listeners: getEventListeners(harness.signal, 'abort').length,
  };
}

/** Heap size without compiled code, which grows for days as functions become hot. */
function dataBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !/code|trusted/.test(name))
    .reduce((sum, { space_used_size: used }) => sum + used, 0);
}

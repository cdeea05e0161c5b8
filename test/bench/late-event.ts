/**
 * One pair with 100,000 deployments and the search for causes of failures: how long its first scan takes; the cost of
 * an event that arrives in order, late or very late, of a rollback or an incident, and of the next scrape; each
 * compared with the same event of an empty pair. The longest stretch is how long the event loop stalls at most. Times
 * are CPU times, so that other work does not count.
 *
 * Aim: at most 2 ms for a late event, no stall above 50 ms, on an otherwise idle machine.
 */

import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { saidAt } from '../../src/core/failures/incident-report.ts';
import type { PipelineRecord } from '../../src/core/pipeline.ts';
import { createProjection } from '../../src/core/series/samples.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import { createEventLoopYield } from '../../src/util/clock.ts';
import { deliver, deliverPage, endFirstScan } from '../support/deliver.ts';
import { aPolicy, aRecord, someFacts } from '../support/records.ts';
import { createSqliteHost, createWorld } from '../support/world.ts';
import { median, print, printTable, runBench, temporaryFolder } from './support.ts';

const deployments = Number(process.argv[2] ?? 100_000);
const rounds = 7;
const now = 1_785_500_000;
const spacing = Math.floor((80 * 86_400) / deployments);

await runBench(async () => {
  const policy = aPolicy({ leadTime: { fallback: 'created' }, tiers: [{ tier: 'production' }] });
  const world = await createWorld({
    mode: { policy, canAsk: true },
    host: createSqliteHost(join(temporaryFolder(), 'dora.db')),
    startsAt: now,
  });
  const yieldToEventLoop = createEventLoopYield();
  const exposition = createExposition({
    projection: createProjection(world.state, policy),
    policy,
    renderSelf: async () => '',
    now: () => Math.floor(world.clock.now() / 1000),
    yieldToEventLoop,
  });
  const full = someFacts({ woodpeckerId: 1, fullName: 'acme/full' });
  const empty = someFacts({ woodpeckerId: 2, fullName: 'acme/empty' });
  /** `place`: the number of deployments after it. */
  const recordAt = (number: number, place: number, more: Partial<PipelineRecord> = {}) => {
    const at = now - 60 - Math.floor(place * spacing);
    return aRecord({
      number,
      id: number,
      status: number % 7 === 0 ? 'failure' : 'success',
      commit: number.toString(16).padStart(40, '0'),
      createdAt: at - 60,
      startedAt: at - 50,
      finishedAt: at,
      updatedAt: at,
      ...more,
    });
  };
  const observe = (facts: typeof full, number: number, place: number, more?: Partial<PipelineRecord>) =>
    deliver(world.ingest, facts, recordAt(number, place, more));
  const release = async (facts: typeof full) => {
    await world.ingest.submit({ kind: 'repos', repos: [facts] });
    await endFirstScan(world.ingest, facts);
  };

  const rows: (string | number)[][] = [];
  const note = async (title: string, floorMs: number, work: () => Promise<unknown>, times = rounds) => {
    const results: Measured[] = [];
    for (let round = 0; round < times; round++) results.push(await measure(work));
    const ms = median(results.map((one) => one.ms));
    const stretch = Math.max(...results.map((one) => one.stretchMs));
    rows.push([title, ms.toFixed(2), (ms / (floorMs || ms)).toFixed(1), stretch.toFixed(1)]);
    return ms;
  };

  await release(empty);
  let next = deployments * 2;
  const floorEvent = await note('event, empty pair', 0, () => observe(empty, ++next, 0));
  const floorScrape = await note('scrape after it', 0, async () => {
    await observe(empty, ++next, 0);
    return exposition.gzip();
  });
  for (let from = 0; from < deployments; from += 50) {
    const page = Array.from({ length: 50 }, (_, i) => recordAt(deployments - from - i, from + i));
    await deliverPage(world.ingest, full, page);
  }
  await note('first scan shown', 0, () => release(full), 1);
  await note('first scrape after it', 0, () => exposition.gzip(), 1);
  for (const [title, place] of [
    ['in order', 0],
    ['one deployment late', 1.5],
    ['100 deployments late', 100.5],
    ['1000 deployments late', 1000.5],
    ['later than half of them', deployments / 2],
    ['later than all but 1000', deployments - 1000],
  ] as const) {
    await note(`event, ${title}`, floorEvent, () => observe(full, ++next, place));
    await note(`scrape after one ${title}`, floorScrape, async () => {
      await observe(full, ++next, place);
      return exposition.gzip();
    });
  }
  await note('rollback', floorEvent, () => {
    const commit = (deployments - 5).toString(16).padStart(40, '0');
    return observe(full, ++next, 0, { commit, event: 'deployment' });
  });
  let incidents = 0;
  const report = (id: number, more: { resolved?: number } = {}) => {
    const fields = { repo: 'acme/full', tier: 'production', started: now - 600, ...more };
    return world.ingest.submit({ kind: 'incident', id: `INC-${id}`, report: saidAt(fields, now) });
  };
  await note('incident opens', floorEvent, () => report(++incidents));
  await note('incident ends', floorEvent, () => report(incidents--, { resolved: now - 60 }));
  print(`One pair with ${deployments} deployments in 90 days`);
  printTable(['', 'ms', 'of the floor', 'longest stretch ms'], rows);
  await world.close();
});

interface Measured {
  readonly ms: number;
  readonly stretchMs: number;
}

async function measure(work: () => Promise<unknown>): Promise<Measured> {
  let isOver = false;
  let stretchMs = 0;
  await nextTurn();
  const watch = (async () => {
    for (let last = cpuMs(); !isOver; ) {
      await nextTurn();
      const at = cpuMs();
      stretchMs = Math.max(stretchMs, at - last);
      last = at;
    }
  })();
  const began = cpuMs();
  await work();
  const ms = cpuMs() - began;
  isOver = true;
  await watch;
  return { ms, stretchMs };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

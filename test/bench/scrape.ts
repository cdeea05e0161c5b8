/**
 * How long Prometheus waits for a compressed scrape of ten thousand series: without changes, and with a webhook before
 * each scrape; and how long the event loop stalls at most.
 *
 * Floor: a bare `node:http` server that answers with the same bytes, compressed beforehand. Aim: less than twice its
 * time without changes, and no stall above 50 ms.
 */

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { eventBody } from './events.ts';
import type { LoadOrder, LoadResult } from './http-load.ts';
import {
  countSamples,
  median,
  print,
  printTable,
  runBench,
  startExporter,
  startHelper,
  temporaryFolder,
  webhookSecret,
} from './support.ts';

const series = 10_000;
const rounds = 7;
const scrapesPerRound = 200;
const changedScrapes = 60;

await runBench(async () => {
  const exporter = await startExporter({ DORA_DATABASE: join(temporaryFolder(), 'dora.db') });
  const load = startHelper('http-load.ts');
  const report = async (repo: number, number: number, status: 'success' | 'failure'): Promise<void> => {
    const finished = Math.floor(Date.now() / 1000) - 7200 + number;
    const answer = await fetch(`http://127.0.0.1:${exporter.port}/webhook`, {
      method: 'POST',
      headers: { authorization: `Bearer ${webhookSecret}` },
      body: eventBody({ repo, number, finished, status }),
    });
    if (answer.status !== 202) throw new Error(`Webhook was answered with ${answer.status}`);
    await answer.body?.cancel();
  };
  /** A failure and a recovery, so that the repo has every kind of series. */
  const fill = async (repo: number): Promise<void> => {
    await report(repo, 1, 'failure');
    await report(repo, 2, 'success');
  };

  await fill(1);
  // Series of a tier do not grow with its repos.
  const figures = /^dora_(?!exporter_|tier_)/;
  const perRepo = countSamples(await exporter.metrics(), figures);
  const repos = Math.ceil(series / perRepo);
  for (let repo = 2; repo <= repos; repo++) await fill(repo);

  const text = await exporter.metrics();
  const page = gzipSync(text);
  const floor = startHelper('floor-server.ts');
  const floorPort = (await floor.ask({ page: page.toString('base64') })) as number;
  print(
    `Scrapes of ${countSamples(text, figures)} series of ${repos} repos, ${text.length >> 10} KiB, ` +
      `${page.length >> 10} KiB compressed; aim: unchanged less than 2.0 of the floor's time`,
  );

  const scrape = async (port: number, connections: number, count: number): Promise<number> => {
    const what = { kind: 'get', path: '/metrics', count } as const;
    const { seconds } = (await load.ask({ port, connections, what } satisfies LoadOrder)) as LoadResult;
    return (seconds * 1000) / count;
  };
  const rows: (string | number)[][] = [];
  for (const connections of [1, 8]) {
    const results: { bare: number; real: number; stretchMs: number }[] = [];
    for (let round = 0; round <= rounds; round++) {
      const bare = await scrape(floorPort, connections, scrapesPerRound);
      await exporter.probe();
      const real = await scrape(exporter.port, connections, scrapesPerRound);
      const { longestStretchMs: stretchMs } = await exporter.probe();
      if (round > 0) results.push({ bare, real, stretchMs });
    }
    rows.push(describe(`unchanged, ${connections} at once`, results));
  }

  const results: { bare: number; real: number; stretchMs: number }[] = [];
  for (let turn = 0; turn < changedScrapes; turn++) {
    await report(1 + (turn % repos), 3 + turn, turn % 3 === 0 ? 'failure' : 'success');
    await exporter.probe();
    const real = await scrape(exporter.port, 1, 1);
    const { longestStretchMs: stretchMs } = await exporter.probe();
    const bare = await scrape(floorPort, 1, 1);
    if (turn >= 10) results.push({ bare, real, stretchMs });
  }
  rows.push(describe('a change before each', results));
  printTable(['', 'exporter ms', 'floor ms', 'ratio', 'longest stretch ms'], rows);
});

function describe(
  title: string,
  results: readonly { readonly bare: number; readonly real: number; readonly stretchMs: number }[],
): (string | number)[] {
  return [
    title,
    median(results.map(({ real }) => real)).toFixed(2),
    median(results.map(({ bare }) => bare)).toFixed(2),
    median(results.map(({ real, bare }) => real / bare)).toFixed(2),
    Math.max(...results.map(({ stretchMs }) => stretchMs)).toFixed(0),
  ];
}

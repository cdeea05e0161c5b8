/**
 * The cost of ten thousand repos with a quarter of deployments each, with all their windows: the start, the first
 * scrape, a scrape without changes, and a scrape after a webhook; CPU time, size, memory, and how long the event loop
 * stalls at most. The argument is another number of repos.
 *
 * Floor: a bare `node:http` server that answers with the same bytes, compressed beforehand. Aim: no stall above 50 ms.
 */

import { request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { eventBody } from './events.ts';
import { writeHistory } from './history.ts';
import type { Probed } from './probe.ts';
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

const repos = Number(process.argv[2] ?? 10_000);
const pipelines = repos * 30;
const rounds = 9;

interface Scraped {
  readonly ms: number;
  readonly bytes: number;
  readonly body: Buffer;
}

/** Scrapes as Prometheus does: compressed, and without parsing. */
function scrape(port: number): Promise<Scraped> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    request(
      { port, host: '127.0.0.1', path: '/metrics', headers: { 'accept-encoding': 'gzip' } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const body = Buffer.concat(chunks);
          resolve({ ms: performance.now() - began, bytes: body.length, body });
        });
      },
    )
      .on('error', reject)
      .end();
  });
}

await runBench(async () => {
  const path = join(temporaryFolder(), 'dora.db');
  const { inWindow } = await writeHistory(path, { pipelines, repos, days: 90 });
  const exporter = await startExporter({ DORA_DATABASE: path, DORA_MAX_PAIRS: '20000' });
  const loaded = await exporter.probe();
  print(
    `${repos} repos, ${inWindow} deployments in the longest window; ready after ${exporter.readyMs.toFixed(0)} ms, ` +
      `${loaded.cpuMs.toFixed(0)} ms of CPU, ${loaded.rssMb.toFixed(0)} MB`,
  );

  const rows: (string | number)[][] = [];
  const measure = async (title: string, count: number, before: () => Promise<void>): Promise<Scraped> => {
    const results: { scraped: Scraped; probed: Probed; floorMs: number }[] = [];
    for (let round = 0; round < count; round++) {
      await before();
      await exporter.probe();
      const scraped = await scrape(exporter.port);
      const probed = await exporter.probe();
      const { ms: floorMs } = floorPort === 0 ? { ms: Number.NaN } : await scrape(floorPort);
      results.push({ scraped, probed, floorMs });
    }
    const of = (value: (one: (typeof results)[number]) => number) => median(results.map(value));
    rows.push([
      title,
      of(({ scraped }) => scraped.ms).toFixed(0),
      of(({ scraped, floorMs }) => scraped.ms / floorMs).toFixed(1),
      of(({ probed }) => probed.cpuMs).toFixed(0),
      Math.max(...results.map(({ probed }) => probed.longestStretchMs)).toFixed(0),
      Math.max(...results.map(({ probed }) => probed.rssMb)).toFixed(0),
    ]);
    return results[0]?.scraped as Scraped;
  };

  let floorPort = 0;
  const first = await measure('the first', 1, async () => undefined);
  const text = gunzipSync(first.body).toString('utf8');
  const floor = startHelper('floor-server.ts');
  floorPort = (await floor.ask({ page: gzipSync(text).toString('base64') })) as number;
  print(
    `${countSamples(text, /^dora_/)} samples, ${(text.length / 2 ** 20).toFixed(1)} MiB, ` +
      `${(first.bytes / 2 ** 20).toFixed(1)} MiB compressed (${(gzipSync(text).length / 2 ** 20).toFixed(1)} MiB in one piece)`,
  );
  await measure('nothing has changed', rounds, async () => undefined);
  let turn = 0;
  await measure('after a webhook', rounds, async () => {
    const finished = Math.floor(Date.now() / 1000) - 60;
    const answer = await fetch(`http://127.0.0.1:${exporter.port}/webhook`, {
      method: 'POST',
      headers: { authorization: `Bearer ${webhookSecret}` },
      body: eventBody({
        repo: 1 + ((turn * 997) % repos),
        number: 1000 + turn++,
        finished,
        status: 'success',
      }),
    });
    if (answer.status !== 202) throw new Error(`Webhook was answered with ${answer.status}`);
    await answer.body?.cancel();
  });
  printTable(['', 'ms', 'of floor', 'CPU ms', 'longest stretch ms', 'RSS MB'], rows);
});

/**
 * How many webhooks per second the exporter accepts, if each is durable before its answer: signed events of Woodpecker
 * 3.17, and the real process with its database on disk.
 *
 * Floor: a bare `node:http` server that reads the same bodies and answers 202. Aim: at least a third of the floor.
 */

import { join } from 'node:path';
import type { LoadOrder, LoadResult } from './http-load.ts';
import {
  type Helper,
  median,
  print,
  printTable,
  runBench,
  startExporter,
  startHelper,
  sumOf,
  temporaryFolder,
  webhookSecret,
} from './support.ts';

const rounds = 4;
const perRound = 5_000;
const cases = [
  { repos: 1, connections: 32 },
  { repos: 1, connections: 100 },
  { repos: 50, connections: 32 },
  { repos: 50, connections: 100 },
];

/** One load of webhooks, and the resources that the server used for it. */
interface Measured extends LoadResult {
  readonly cpuMicros: number;
  readonly longestStretchMs: number;
}

await runBench(async () => {
  const load = startHelper('http-load.ts');
  const floor = startHelper('floor-server.ts');
  const floorPort = (await floor.ask({ page: '' })) as number;

  const measure = async (
    server: Pick<Helper, 'probe'>,
    port: number,
    connections: number,
    what: { repos: number; firstNumber: number },
  ): Promise<Measured> => {
    await server.probe();
    const result = (await load.ask({
      port,
      connections,
      what: { kind: 'webhooks', count: perRound, secret: webhookSecret, expected: 202, ...what },
    } satisfies LoadOrder)) as LoadResult;
    const { cpuMs, longestStretchMs } = await server.probe();
    return { ...result, cpuMicros: (cpuMs * 1000) / perRound, longestStretchMs };
  };

  print('Durable webhooks per second; aim: at least 0.33 of the floor');
  const rows: (string | number)[][] = [];
  for (const { repos, connections } of cases) {
    const folder = temporaryFolder();
    const exporter = await startExporter({ DORA_DATABASE: join(folder, 'dora.db') });
    const results: { bare: Measured; real: Measured }[] = [];
    for (let round = 0; round <= rounds; round++) {
      const what = { repos, firstNumber: 1 + (round * perRound) / repos };
      const bare = await measure(floor, floorPort, connections, what);
      const real = await measure(exporter, exporter.port, connections, what);
      // The first round is the warm-up.
      if (round > 0) results.push({ bare, real });
    }
    const stored = sumOf(await exporter.metrics(), 'dora_deployments_total');
    if (stored !== (rounds + 1) * perRound) throw new Error(`Only ${stored} webhooks were counted`);
    await exporter.stop();
    const medianOf = (value: (result: { bare: Measured; real: Measured }) => number) =>
      median(results.map(value));
    rows.push([
      `${connections} connections, ${repos} ${repos === 1 ? 'repo' : 'repos'}`,
      medianOf(({ real }) => real.perSecond).toFixed(0),
      medianOf(({ bare }) => bare.perSecond).toFixed(0),
      medianOf(({ real, bare }) => real.perSecond / bare.perSecond).toFixed(2),
      medianOf(({ real }) => real.cpuMicros).toFixed(0),
      medianOf(({ real, bare }) => bare.cpuMicros / real.cpuMicros).toFixed(2),
      medianOf(({ real }) => real.medianMs).toFixed(1),
      medianOf(({ real }) => real.p99Ms).toFixed(1),
      Math.max(...results.map(({ real }) => real.longestStretchMs)).toFixed(0),
    ]);
  }
  printTable(
    [
      '',
      'exporter/s',
      'floor/s',
      'ratio',
      'CPU µs each',
      'CPU ratio',
      'median ms',
      'p99 ms',
      'longest stretch ms',
    ],
    rows,
  );
});

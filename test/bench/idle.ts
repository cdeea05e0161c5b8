/**
 * The cost of reconciliation for Woodpecker: the number of requests in a round while 10, 100 and 1,000 repos are quiet,
 * for a user's token and an administrator's, and in the round that closes a gap in one of them. Aim: no growth with the
 * number of repos. The exporter reads the repos that only an administrator sees in turn, so for them the number of
 * rounds until a gap is found grows.
 */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type FakeWoodpecker, startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { median, print, printTable, runBench, startExporter, sumOf, temporaryFolder } from './support.ts';

const sizes = [10, 100, 1_000];
const quietRounds = 5;
const missed = 20;

await runBench(async () => {
  const rows: (string | number)[][] = [];
  for (const as of ['user', 'admin'] as const) {
    for (const size of sizes) rows.push(await measure(as, size));
  }
  print(
    `Requests of a round of reconciliation; a gap is ${missed} pipelines of one repo that no event reported`,
  );
  printTable(['token', 'repos', 'quiet', 'at most', 'with a gap', 'rounds to close it'], rows);
});

async function measure(as: 'user' | 'admin', size: number): Promise<(string | number)[]> {
  await using woodpecker = await startFakeWoodpecker();
  const then = Math.floor(Date.now() / 1000) - 86_400;
  for (let i = 0; i < size; i++) {
    const repo = woodpecker.addRepo({ fullName: `acme/shop-${i}`, private: true, access: { alice: 'push' } });
    for (let number = 1; number <= 3; number++)
      woodpecker.addPipeline(repo, { created: then + number * 100 });
  }
  const exporter = await startExporter({
    DORA_DATABASE: join(temporaryFolder(), 'dora.db'),
    DORA_WOODPECKER_URL: woodpecker.url,
    DORA_WOODPECKER_TOKEN: as === 'admin' ? woodpecker.adminToken : woodpecker.userToken,
    DORA_RECONCILE_INTERVAL: '1s',
    DORA_STREAM: 'false',
  });
  const deployments = async () => sumOf(await exporter.metrics(), 'dora_deployments_total');
  const before = await deployments();
  await nextRound(woodpecker);

  const quiet: number[] = [];
  for (let round = 0; round < quietRounds; round++) quiet.push(await nextRound(woodpecker));

  const last = `acme/shop-${size - 1}`;
  for (let i = 0; i < missed; i++) woodpecker.addPipeline(last, { created: then + 1_000 + i });
  const closing: number[] = [];
  do closing.push(await nextRound(woodpecker));
  while ((await deployments()) < before + missed && closing.length < 60);
  const isClosed = (await deployments()) === before + missed;
  await exporter.stop();
  const rounds = isClosed ? closing.length : `more than ${closing.length}`;
  return [as, size, median(quiet), Math.max(...quiet), Math.max(...closing), rounds];
}

/** The requests from the start of a round to the start of the next one: each round first asks for its user. */
async function nextRound(woodpecker: FakeWoodpecker): Promise<number> {
  const beginnings = () =>
    woodpecker.requests.flatMap(({ path }, index) => (path === '/api/user' ? [index] : []));
  while (beginnings().length < 2) await delay(20);
  const [first = 0, second = 0] = beginnings();
  woodpecker.clearRequests();
  return second - first;
}

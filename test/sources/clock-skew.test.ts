/** A Woodpecker whose clock is ahead of ours, or behind: over the stream, over REST, and after restarts. */

import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { dawn, type LiveHarness } from '../support/live-harness.ts';
import { createSharedWorld, shop } from '../support/shared-world.ts';

const hour = 3600;
const clockLines = ({ lines }: LiveHarness) => lines.filter((line) => line.includes('clock'));

async function createWorld(ahead: number) {
  const server = { ahead };
  const world = await createSharedWorld('3.17.0', () => server.ahead);
  const { clock, woodpecker } = world;
  return {
    ...world,
    server,
    /** Runs four pipelines 100 s apart: failure, success, failure, success. Returns their ends by our clock. */
    async runFour(): Promise<number[]> {
      const ends: number[] = [];
      for (const status of ['failure', 'success', 'failure', 'success'] as const) {
        woodpecker.runPipeline(shop, {}, { status });
        ends.push(Math.floor(clock.now() / 1000));
        await clock.pass(100_000);
      }
      return ends;
    },
  };
}

async function endsOf({ ingest }: LiveHarness): Promise<number[]> {
  const repo = ingest.state.reposByName(shop)[0];
  return ingest.read(async ({ pipelines }) => {
    const found: number[] = [];
    for await (const slice of pipelines.deployments({ only: { repo: repo?.key ?? 0, tier: 'unassigned' } }))
      for (const { deployment } of slice) found.push(deployment.at);
    return found;
  });
}

const recoveries = ({ ingest }: LiveHarness) =>
  [...ingest.state.pairs.values()].map(
    ({ totals }) => totals.histograms['dora_deployment_recovery_time_seconds']?.sum,
  );

describe.each([
  ['an hour ahead', hour],
  ['an hour behind', -hour],
  ['ten years ahead', 10 * 365 * 86_400],
])('a Woodpecker whose clock is %s', (_, ahead) => {
  it('has the ends of its pipelines shown in our time: live, over REST and after a restart', async () => {
    const { clock, live, runFour } = await createWorld(ahead);
    const harness = await live();
    harness.run('stream');
    await clock.pass(2_000);
    const ends = await runFour();
    expect(await endsOf(harness)).toEqual(ends);
    expect(recoveries(harness)).toEqual([200]);
    expect(harness.shown(shop)).toMatchObject({
      lastSuccess: ends[3],
      lastFailure: ends[2],
      failingSince: 0,
    });

    await harness.round();
    expect(await endsOf(harness)).toEqual(ends);
    await harness.stop();
    const again = await live();
    await again.round();
    expect(await endsOf(again)).toEqual(ends);
    expect(again.shown(shop)).toMatchObject({ deployments: 4, lastSuccess: ends[3] });

    const coldStart = await live({ store: openMemoryStore() });
    expect(await endsOf(coldStart)).toEqual(ends);
    expect(coldStart.shown(shop)).toEqual(again.shown(shop));
  });

  it('is logged once, and once more when the clocks agree again', async () => {
    const { server, clock, woodpecker, live } = await createWorld(ahead);
    const harness = await live();
    await harness.round();
    const difference = `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} ours`;
    expect(clockLines(harness)).toEqual([
      `warn  Woodpecker's clock is ${difference}, so its times are corrected by that much: set both clocks by NTP ahead_s=${ahead}`,
    ]);
    expect(harness.ingest.state.clockAhead).toBe(ahead);

    const before = woodpecker.runPipeline(shop);
    await harness.round();
    server.ahead = 0;
    await clock.pass(60_000);
    const after = woodpecker.runPipeline(shop);
    await harness.round();
    await harness.round();
    expect(clockLines(harness).slice(1)).toEqual(["info  Woodpecker's clock agrees with ours again"]);
    expect(harness.ingest.state.clockAhead).toBe(0);
    expect(await endsOf(harness)).toEqual([before.finished - ahead, after.finished]);
  });
});

it('the correction changes only if the difference moves by more than a minute, even across a restart', async () => {
  const { server, woodpecker, live } = await createWorld(hour);
  await (await live()).stop();
  server.ahead = hour + 55;
  const harness = await live();
  const { finished } = woodpecker.runPipeline(shop);
  await harness.round();
  expect(await endsOf(harness)).toEqual([finished - hour]);
  server.ahead = hour + 65;
  await harness.round();
  expect(harness.ingest.state.clockAhead).toBe(hour + 65);
  expect(await endsOf(harness)).toEqual([finished - hour]);
});

it('the very first pipelines that are read are already corrected', async () => {
  const { woodpecker, live } = await createWorld(hour);
  woodpecker.addPipeline(shop, { created: dawn - 86_400 + hour });
  const [end] = await endsOf(await live());
  expect(end).toBe(woodpecker.pipeline(shop, 1).finished - hour);
});

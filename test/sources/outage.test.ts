/** Woodpecker or the store fails for an hour while all loops run: what is logged, and that no pipeline is lost. */

import { expect, it } from 'vitest';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { addMine, passWithPings, startLive } from '../support/live-harness.ts';
import { shop } from '../support/shared-world.ts';

const minute = 60_000;

/** How Woodpecker becomes unreachable, and how it recovers. */
const outages: readonly (readonly [string, (woodpecker: FakeWoodpecker) => Promise<() => Promise<void>>])[] =
  [
    [
      'does not listen',
      async (woodpecker) => {
        await woodpecker.stop();
        return () => woodpecker.start();
      },
    ],
    [
      'stands behind a proxy that answers 502 and a page',
      async (woodpecker) => {
        const headers = { 'content-type': 'text/html' };
        const away = woodpecker.fault({ answer: { status: 502, body: '<html>Bad gateway</html>', headers } });
        woodpecker.streams.dropAll();
        return async () => away.clear();
      },
    ],
  ];

it.each(outages)(
  'an hour in which Woodpecker %s logs one warning and one recovery, and loses no pipeline',
  async (_, begin) => {
    const live = await startLive({ prepare: addMine(shop, 'acme/site') });
    const { clock, woodpecker, harness } = live;
    harness.run('stream', 'poll', 'reconcile', 'background');
    await passWithPings(live, 10 * minute);
    const running = woodpecker.createPipeline(shop).number;
    woodpecker.startPipeline(shop, running);
    await passWithPings(live, minute);
    const told = harness.lines.length;

    const end = await begin(woodpecker);
    await clock.pass(5 * minute);
    // A known pipeline ends, 70 pipelines run without any event, and a hint names one more: all must count.
    woodpecker.finishPipeline(shop, running, { status: 'failure' });
    for (let i = 0; i < 70; i++) woodpecker.addPipeline('acme/site');
    const { number } = woodpecker.runPipeline(shop);
    expect(await harness.webhook.receive({ repo: shop, number })).toMatchObject({ result: 'following' });
    await clock.pass(55 * minute);
    await end();
    await passWithPings(live, 10 * minute);

    const [warning, back, ...more] = harness.lines.slice(told);
    expect(warning).toMatch(
      /^warn {2}Woodpecker gives no usable answer; will keep trying status=(none|502) error=.+$/,
    );
    expect(back).toMatch(/^info {2}Woodpecker answers again after_s=(3[56]\d\d)$/);
    expect(more).toEqual([]);
    expect(harness.shown(shop)).toMatchObject({ deployments: 2, failures: 1 });
    expect(harness.shown('acme/site')).toMatchObject({ deployments: 70, failures: 0 });
    expect(harness.ingest.state.follows.size).toBe(0);
    expect(harness.isConnected).toBe(true);
  },
);

it('an hour in which the store fails is not logged by the sources, and loses no pipeline', async () => {
  const memory = openMemoryStore();
  let isFull = false;
  const store: Store = {
    ...memory,
    transact: (work) =>
      isFull ? Promise.reject(new StoreUnavailable('Store cannot commit: disk full')) : memory.transact(work),
  };
  const live = await startLive({ store });
  const { woodpecker, harness } = live;
  harness.run('stream', 'poll', 'reconcile', 'background');
  await passWithPings(live, 10 * minute);
  const told = harness.lines.length;

  isFull = true;
  for (let minutes = 0; minutes < 60; minutes++) {
    woodpecker.runPipeline(shop);
    await passWithPings(live, minute);
  }
  isFull = false;
  await passWithPings(live, 10 * minute);

  expect(harness.lines.slice(told)).toEqual([]);
  expect(harness.shown(shop)).toMatchObject({ deployments: 60 });
});

it('a repo that cannot be read is logged once as a warning, and once when it can be read again', async () => {
  const { clock, woodpecker, harness } = await startLive({
    prepare: (fake) => {
      addMine(shop)(fake);
      fake.addPipeline(shop);
      fake.fault({ match: /\/pipelines\?/, answer: { status: 404 } });
    },
  });
  harness.run('background');
  await clock.pass(60 * minute);
  woodpecker.clearFaults();
  await clock.pass(20 * minute);

  const about = harness.lines.filter((line) => line.includes(`repo=${shop}`));
  expect(about).toHaveLength(2);
  expect(about[0]).toMatch(/^warn .*could not be brought up to date/);
  expect(about[1]).toMatch(/^info .*is up to date/);
  expect(harness.shown(shop)).toMatchObject({ deployments: 1 });
});

/** A machine whose clock was once five years ahead, and is right again after a restart on the same database. */

import { expect, it } from 'vitest';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { dawn, type LiveOptions } from '../support/live-harness.ts';
import { createSharedWorld, type SharedWorld, shop } from '../support/shared-world.ts';
import { createSimulatedClock } from '../support/simulated-clock.ts';

const minute = 60_000;

interface World extends SharedWorld {
  /** Runs an exporter whose clock is five years ahead, and stops it. */
  liveAhead(options?: Partial<LiveOptions>): Promise<void>;
}

async function createWorld(): Promise<World> {
  const world = await createSharedWorld();
  return {
    ...world,
    async liveAhead(options) {
      const clock = createSimulatedClock(dawn + 5 * 365 * 86_400);
      await (await world.live({ clock, ...options })).stop();
    },
  };
}

it('after a run five years ahead, renames are still noticed', async () => {
  const { woodpecker, live, liveAhead } = await createWorld();
  await liveAhead();
  woodpecker.renameRepo(shop, 'acme/store');
  const harness = await live();
  expect(harness.repo('acme/store')).toBeDefined();
});

it('after a run five years ahead, the pipelines that it read count once, at their true times', async () => {
  const { woodpecker, live, liveAhead } = await createWorld();
  const { finished } = woodpecker.addPipeline(shop, { created: dawn - 86_400 });
  await liveAhead();
  const harness = await live();
  expect(harness.repo(shop)).toMatchObject({
    horizon: dawn - 120 * 86_400,
    knownSince: dawn - 120 * 86_400,
  });
  expect(harness.shown(shop)).toMatchObject({ deployments: 1, lastSuccess: finished });
  woodpecker.runPipeline(shop);
  await harness.round();
  expect(harness.shown(shop)).toMatchObject({ deployments: 2 });
});

it('after a run five years ahead, pipelines that changed since the last scan are read again', async () => {
  const { clock, woodpecker, live, liveAhead } = await createWorld();
  const first = await live();
  const { number } = woodpecker.runPipeline(shop);
  for (let i = 0; i < 60; i++) woodpecker.runPipeline(shop);
  await first.round();
  await first.stop();
  await liveAhead();
  woodpecker.updatePipeline(shop, number, { status: 'failure' });
  await clock.pass(180 * minute);
  const second = await live();
  expect(second.shown(shop)).toMatchObject({ deployments: 61, failures: 1 });
});

it('after a run five years ahead, the pipelines that it polled are still polled', async () => {
  const { clock, woodpecker, live, liveAhead } = await createWorld();
  const { number } = woodpecker.createPipeline(shop);
  woodpecker.startPipeline(shop, number);
  await (await live()).stop();
  await liveAhead();
  woodpecker.finishPipeline(shop, number);
  const isHidden = hidePipelines(woodpecker, shop);
  const harness = await live();
  isHidden.clear();
  expect([...harness.ingest.state.follows.values()]).toMatchObject([{ polledAt: dawn + 5 * 365 * 86_400 }]);
  harness.run('poll');
  await clock.pass(minute);
  expect(harness.ingest.state.follows.size).toBe(0);
});

it('after a run five years ahead, the repos that it visited are still visited in turn', async () => {
  const { clock, woodpecker, live, liveAhead } = await createWorld();
  for (let i = 0; i < 5; i++) woodpecker.addRepo({ fullName: `acme/repo-${i}`, private: true });
  const token = woodpecker.adminToken;
  await liveAhead({ token });
  const isHidden = hidePipelines(woodpecker, 'acme/repo-3');
  const harness = await live({ token });
  isHidden.clear();
  woodpecker.runPipeline('acme/repo-3');
  for (let round = 0; round < 10; round++) {
    await harness.round();
    await clock.pass(5 * minute);
  }
  expect(harness.shown('acme/repo-3')?.deployments).toBe(1);
});

/** Hides the pipelines of a repo from the catch-up at start, so that a later step must read them. */
function hidePipelines(woodpecker: FakeWoodpecker, fullName: string): { clear(): void } {
  const { id } = woodpecker.repo(fullName);
  return woodpecker.fault({ match: `/api/repos/${id}/pipelines`, answer: { status: 404 } });
}

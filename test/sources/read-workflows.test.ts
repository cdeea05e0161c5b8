/**
 * Pipelines of which only a part deploys: each is read once, and in the background if it was stored without its
 * workflows.
 */

import { describe, expect, it } from 'vitest';
import type { TierRule } from '../../src/core/policy.ts';
import { pairKey } from '../../src/core/series/pair.ts';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { askedPipelines, dawn, type LiveHarness } from '../support/live-harness.ts';
import { aClassification, aPolicy } from '../support/records.ts';
import { createSharedWorld, shop } from '../support/shared-world.ts';

const pause = 7_200;
const second = 1_000;
const deploys: TierRule = { tier: 'production', workflows: ['deploy'] };
const underParts = aPolicy({ tiers: [deploys] });

/** One pipeline every two hours up to dawn. Every third never reached its deploy workflow. */
function addPipelines(woodpecker: FakeWoodpecker, count: number): void {
  for (let i = 1; i <= count; i++) {
    const created = dawn - (count - i + 1) * pause;
    const times = { created, started: created + 1, finished: created + 60, updated: created + 60 };
    const isReached = i % 3 !== 0;
    const ran = { started: created + 30, finished: created + 50 };
    woodpecker.addPipeline(shop, {
      ...times,
      status: isReached ? 'success' : 'failure',
      workflows: [
        {
          name: 'test',
          state: isReached ? 'success' : 'failure',
          started: created + 1,
          finished: created + 20,
        },
        isReached ? { name: 'deploy', state: 'success', ...ran } : { name: 'deploy', state: 'skipped' },
      ],
    });
  }
}

const unreadAt = ({ ingest }: LiveHarness) => ingest.state.unread.get(pairKey(1, 'production')) ?? null;

it('a backfill requests each pipeline that a part rule could match once, and a restart requests none again', async () => {
  const { woodpecker, live } = await createSharedWorld();
  addPipelines(woodpecker, 12);
  let asked: readonly number[] = [];
  const harness = await live({ policy: underParts, onCaughtUp: () => (asked = askedPipelines(woodpecker)) });
  expect(asked.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  expect(harness.shown(shop, 'production')).toMatchObject({ deployments: 8, failures: 0 });
  expect(harness.ingest.state.tally.ignored('not_reached')).toBe(4);
  await harness.stop();

  asked = [];
  const again = await live({ policy: underParts, onCaughtUp: () => (asked = askedPipelines(woodpecker)) });
  await again.round();
  expect([...asked, ...askedPipelines(woodpecker)]).toEqual([]);
  expect(again.shown(shop, 'production')).toMatchObject({ deployments: 8 });
});

it('pipelines stored without workflows are read in the background, newest first, five a second', async () => {
  const { clock, woodpecker, live } = await createSharedWorld();
  addPipelines(woodpecker, 12);
  await (await live()).stop();
  woodpecker.clearRequests();

  const harness = await live({ policy: underParts });
  // The catch-up does not read them. The pair states up to which end they are unread.
  expect(harness.shown(shop, 'production')).toMatchObject({ deployments: 0 });
  expect(unreadAt(harness)).toBe(dawn - pause + 60);

  harness.run('workflows');
  await clock.pass(500);
  expect(askedPipelines(woodpecker).toSorted((a, b) => a - b)).toEqual([8, 9, 10, 11, 12]);
  expect(unreadAt(harness)).toBe(dawn - 6 * pause + 60);
  await clock.pass(10 * second);
  expect(askedPipelines(woodpecker)).toHaveLength(12);
  expect(unreadAt(harness)).toBeNull();
  expect(harness.shown(shop, 'production')).toMatchObject({ deployments: 8, failures: 0 });
  expect(harness.ingest.state.tally.ignored('not_reached')).toBe(4);

  await clock.pass(3_600 * second);
  expect(askedPipelines(woodpecker)).toHaveLength(12);
});

it('a pipeline that Woodpecker no longer has counts as one without parts, and delays nothing', async () => {
  const { clock, woodpecker, live } = await createSharedWorld();
  addPipelines(woodpecker, 2);
  await (await live()).stop();
  const harness = await live({ policy: underParts });
  woodpecker.deletePipeline(shop, 1);
  harness.run('workflows');
  await clock.pass(10 * second);
  expect(unreadAt(harness)).toBeNull();
  expect(harness.ingest.state.tally.ignored('no_parts')).toBe(1);
  expect(harness.shown(shop, 'production')).toMatchObject({ deployments: 1 });
});

it('a hidden repo is no proof that its pipelines are gone', async () => {
  const { clock, woodpecker, live } = await createSharedWorld();
  addPipelines(woodpecker, 2);
  await (await live()).stop();
  const harness = await live({ policy: underParts });
  woodpecker.revoke('alice', shop);
  harness.run('workflows');
  await clock.pass(60 * second);
  expect(harness.ingest.state.tally.ignored('no_parts')).toBe(0);
  expect(unreadAt(harness)).toBe(dawn - pause + 60);
  woodpecker.grant('alice', shop);
  await clock.pass(600 * second);
  expect(unreadAt(harness)).toBeNull();
  expect(harness.shown(shop, 'production')).toMatchObject({ deployments: 2 });
});

/** Stores these pipelines as a version without workflows did: each as a failure, even a cancelled run of 2.8.3. */
async function storeAsBefore({ store }: LiveHarness, ...numbers: readonly number[]): Promise<void> {
  await store.transact(async (tx) => {
    for (const number of numbers) {
      const stored = await tx.pipelines.get(1, number);
      if (!stored) throw new Error(`${number} is not stored`);
      const record = { ...stored.record, hasWorkflows: false, workflows: [], endSeenAt: null };
      const at = record.finishedAt ?? 0;
      const classification = aClassification({ tier: 'unassigned', outcome: 'failure', at });
      await tx.pipelines.put({ ...stored, record, classification });
    }
  });
}

describe('failures that an older version stored without workflows', () => {
  /** Pipelines with an even number were cancelled. */
  async function start(count: number) {
    const world = await createSharedWorld('2.8.3');
    for (let i = 1; i <= count; i++) {
      const finished = dawn - (count - i + 1) * pause;
      const workflowError = i % 2 === 0 ? 'Canceled' : 'exit code 1';
      const times = { created: finished - 60, started: finished - 50, finished, updated: finished };
      world.woodpecker.addPipeline(shop, { status: 'failure', workflowError, ...times });
    }
    // 60 newer pipelines keep them off the page that every scan reads.
    for (let i = 1; i <= 60; i++) world.woodpecker.addPipeline(shop, { created: dawn - pause + i });
    const before = await world.live();
    await storeAsBefore(before, ...Array.from({ length: count }, (_, index) => index + 1));
    await before.stop();
    return world;
  }

  it('are read once in the background, five a second, and cancelled runs among them no longer count', async () => {
    const { clock, woodpecker, live } = await start(12);
    let asked: readonly number[] = [];
    const harness = await live({ onCaughtUp: () => (asked = askedPipelines(woodpecker)) });
    expect(asked).toEqual([]);
    expect(harness.shown(shop)).toMatchObject({ lastFailure: dawn - pause });

    harness.run('workflows');
    await clock.pass(500);
    expect(askedPipelines(woodpecker).toSorted((a, b) => a - b)).toEqual([8, 9, 10, 11, 12]);
    await clock.pass(10 * second);
    expect(askedPipelines(woodpecker)).toHaveLength(12);
    expect(harness.ingest.state.tally.ignored('killed')).toBe(6);
    expect(harness.shown(shop)).toMatchObject({ lastFailure: dawn - 2 * pause });
    await harness.stop();

    const again = await live();
    again.run('workflows');
    await clock.pass(60 * second);
    expect(askedPipelines(woodpecker)).toEqual([]);
  });

  it('are read later if Woodpecker did not answer, and are done if it no longer has them', async () => {
    const { clock, woodpecker, live } = await start(3);
    woodpecker.deletePipeline(shop, 2);
    const harness = await live();
    const fault = woodpecker.fault({ match: /\/pipelines\/\d+$/, answer: { status: 400 } });
    harness.run('workflows');
    await clock.pass(2 * second);
    fault.clear();
    await clock.pass(60 * second);
    expect(harness.shown(shop)).toMatchObject({ lastFailure: dawn - pause });
    const records = await Promise.all(
      [1, 2, 3].map((number) => harness.ingest.read((rows) => rows.pipelines.get(1, number))),
    );
    expect(records.map((stored) => stored?.record.hasWorkflows)).toEqual([true, true, true]);
  });
});

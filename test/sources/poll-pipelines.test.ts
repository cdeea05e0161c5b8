/** Polling must not lose a pipeline and must not ask too often. Only the test moves the clock. */

import { describe, expect, it } from 'vitest';
import { nowSeconds } from '../../src/util/clock.ts';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { askedPipelines, dawn, type LiveHarness } from '../support/live-harness.ts';
import { createSharedWorld, type SharedWorld, shop } from '../support/shared-world.ts';
import { createSimulatedClock } from '../support/simulated-clock.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

interface Running extends SharedWorld {
  /** Its number; it is stored, so that later exporters on the same database know of it. */
  readonly number: number;
  readonly harness: LiveHarness;
}

/** A pipeline that has run for this time when an exporter starts again. */
async function startRunning(ageMs = 0, options: Parameters<SharedWorld['live']>[0] = {}): Promise<Running> {
  const world = await createSharedWorld();
  const { clock, woodpecker, live } = world;
  const { number } = woodpecker.createPipeline(shop);
  woodpecker.startPipeline(shop, number);
  await (await live()).stop();
  await clock.pass(ageMs);
  return { ...world, number, harness: await live(options) };
}

const asks = (woodpecker: FakeWoodpecker) => askedPipelines(woodpecker).length;

describe('a running pipeline', () => {
  it('is counted at its end even if its repo was hidden for a while', async () => {
    const { clock, woodpecker, number, harness } = await startRunning();
    harness.run('poll');
    await clock.pass(hour);
    woodpecker.revoke('alice', shop);
    await clock.pass(hour);
    expect(harness.events.get('follow rejected')).toBeUndefined();
    expect(harness.ingest.state.follows.size).toBe(1);

    woodpecker.grant('alice', shop);
    woodpecker.finishPipeline(shop, number);
    await clock.pass(hour);
    expect(harness.shown(shop)?.deployments).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('is not polled more often while its repo is hidden', async () => {
    const { clock, woodpecker, harness } = await startRunning(10 * hour);
    harness.run('poll');
    woodpecker.revoke('alice', shop);
    await clock.pass(day);
    // From an age of 10 hours to 34, each poll a tenth of the age after the one before. Each also requests
    // the repo.
    expect(asks(woodpecker)).toBe(12);
    expect(woodpecker.requests).toHaveLength(24);
    expect(harness.ingest.state.follows.size).toBe(1);
  });

  it('is counted at its end even if one poll found nothing', async () => {
    const { clock, woodpecker, number, harness } = await startRunning();
    const match = new RegExp(`/pipelines/${number}$`);
    const once = woodpecker.fault({ match, answer: { status: 404 }, times: 1 });
    harness.run('poll');
    await clock.pass(minute);
    expect(once.hits).toBe(1);
    woodpecker.finishPipeline(shop, number);
    await clock.pass(hour);
    expect(harness.shown(shop)?.deployments).toBe(1);
  });

  it('is kept if the request for its repo fails', async () => {
    const { clock, woodpecker, number, harness } = await startRunning();
    const { id } = woodpecker.repo(shop);
    const hidden = woodpecker.fault({ match: new RegExp(`/pipelines/${number}$`), answer: { status: 404 } });
    const away = woodpecker.fault({ match: new RegExp(`/api/repos/${id}$`), answer: { status: 502 } });
    harness.run('poll');
    await clock.pass(hour);
    expect(away.hits).toBeGreaterThan(0);
    expect(harness.ingest.state.follows.size).toBe(1);

    hidden.clear();
    woodpecker.finishPipeline(shop, number);
    await clock.pass(hour);
    expect(harness.shown(shop)?.deployments).toBe(1);
  });

  it('is no longer polled once it was deleted from a visible repo', async () => {
    const { clock, woodpecker, number, harness } = await startRunning();
    harness.run('poll');
    woodpecker.deletePipeline(shop, number);
    await clock.pass(minute);
    expect(harness.events.get('follow rejected')).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('is counted at its end even if its repo was marked as gone meanwhile', async () => {
    const { clock, woodpecker, number, harness } = await startRunning(0, { intervalSeconds: 900 });
    harness.run('poll', 'reconcile');
    for (let rounds = 0; rounds < 2; rounds++) {
      for (let i = 0; i < 60; i++) woodpecker.runPipeline(shop);
      await clock.pass(3 * hour);
    }
    woodpecker.revoke('alice', shop);
    await clock.pass(2 * hour);
    expect(harness.repo(shop)?.isGone).toBe(true);

    woodpecker.finishPipeline(shop, number);
    for (let i = 0; i < 60; i++) woodpecker.runPipeline(shop);
    woodpecker.grant('alice', shop);
    await clock.pass(day);
    expect(harness.shown(shop)?.deployments).toBe(181);
  });

  it('is forgotten once its repo has been gone for 90 days', async () => {
    const { clock, woodpecker, live, harness } = await startRunning();
    woodpecker.deleteRepo(shop);
    for (let rounds = 0; rounds < 3; rounds++) await harness.round();
    expect(harness.repo(shop)?.isGone).toBe(true);
    await harness.stop();

    const later = async (days: number) => {
      const then = createSimulatedClock(dawn + days * 86_400);
      const late = await live({ clock: then });
      late.run('poll');
      await then.pass(minute);
      await late.stop();
      return late.ingest.state.follows.size;
    };
    expect(await later(89)).toBe(1);
    expect(await later(91)).toBe(0);
    await clock.settle();
  });
});

it('a pipeline that a scan could not read is kept while its repo is hidden', async () => {
  // Lists of this version do not explain a failure, so the scan requests the pipeline itself.
  const { clock, woodpecker, live } = await createSharedWorld('3.13.0');
  const { number } = woodpecker.runPipeline(shop, {}, { status: 'failure' });
  const unread = woodpecker.fault({ match: new RegExp(`/pipelines/${number}$`), answer: { status: 500 } });
  const [harness] = await Promise.all([live(), clock.pass(5 * minute)]);
  unread.clear();
  expect(harness.ingest.state.follows.size).toBe(1);
  woodpecker.revoke('alice', shop);
  harness.run('poll');
  await clock.pass(hour);
  woodpecker.grant('alice', shop);
  await clock.pass(hour);
  expect(harness.shown(shop)?.failures).toBe(1);
});

describe('a hint', () => {
  it('of a running pipeline has it followed, and counted at its end', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const harness = await live();
    const { number } = woodpecker.createPipeline(shop);
    woodpecker.startPipeline(shop, number);
    harness.run('poll');
    const hint = () => harness.webhook.receive({ repo: 'Acme/Shop', number, status: 'success' });
    expect(await hint()).toEqual({ kind: 'accepted', result: 'following' });
    await clock.pass(minute);
    expect(harness.events.get('follow following')).toBeGreaterThan(0);
    expect(harness.shown(shop)?.deployments).toBe(0);

    woodpecker.finishPipeline(shop, number, { status: 'failure' });
    await clock.pass(minute);
    expect(harness.shown(shop)).toMatchObject({ deployments: 1, failures: 1 });
    expect(harness.ingest.state.follows.size).toBe(0);
    expect(await hint()).toEqual({ kind: 'accepted', result: 'duplicate' });
  });

  it('is kept over a restart, as is a pipeline that a backfill found running', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const found = woodpecker.createPipeline(shop).number;
    const before = await live();
    const hinted = woodpecker.createPipeline(shop).number;
    await before.webhook.receive({ repo: shop, number: hinted });
    await before.stop();

    const unread = woodpecker.fault({ match: /\/pipelines\?/, answer: { status: 404 } });
    const harness = await live();
    unread.clear();
    const { follows } = harness.ingest.state;
    expect([...follows.values()].map(({ number }) => number).sort()).toEqual([found, hinted]);
    for (const number of [found, hinted]) {
      woodpecker.startPipeline(shop, number);
      woodpecker.finishPipeline(shop, number);
    }
    harness.run('poll');
    await clock.pass(minute);
    expect(harness.shown(shop)?.deployments).toBe(2);
  });

  it('causes one request in two seconds, however many arrive', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const harness = await live();
    const { number } = woodpecker.createPipeline(shop);
    harness.run('poll');
    for (let i = 0; i < 15; i++) {
      await harness.webhook.receive({ repo: shop, number });
      await clock.pass(100);
    }
    expect(askedPipelines(woodpecker)).toEqual([number]);
  });

  it('is carried out even if the pipelines of others cannot be read', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const harness = await live();
    const numbers = Array.from({ length: 5 }, () => woodpecker.runPipeline(shop).number);
    woodpecker.fault({ match: /\/pipelines\/[1-4]$/, answer: { status: 500 } });
    for (const number of numbers) await harness.webhook.receive({ repo: shop, number });
    harness.run('poll');
    await clock.pass(minute);
    expect(harness.shown(shop)?.deployments).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(4);
  });

  it('is dropped at the first 404 if its pipeline is unknown, even if its repo is hidden or unknown too', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const harness = await live();
    woodpecker.revoke('alice', shop);
    harness.run('poll');
    await harness.webhook.receive({ repo: shop, number: 4711 });
    await harness.webhook.receive({ repo: 'nobody/nothing', number: 1 });
    await clock.pass(minute);
    expect(harness.events.get('follow rejected')).toBe(2);
    expect(harness.ingest.state.follows.size).toBe(0);
    expect(harness.ingest.state.repos.size).toBe(1);
    expect(woodpecker.requests).toHaveLength(2);
  });

  it('of a pull request, which no policy counts, is done after one request', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const harness = await live();
    const { number } = woodpecker.createPipeline(shop, { event: 'pull_request' });
    harness.run('poll');
    await harness.webhook.receive({ repo: shop, number });
    await clock.pass(hour);
    expect(asks(woodpecker)).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });
});

describe('a hint that arrives while its pipeline is being polled', () => {
  /** Runs `act` once, while the server holds the next request for a pipeline. */
  const duringNextAsk = ({ woodpecker }: SharedWorld, act: () => Promise<unknown>): void => {
    const remove = woodpecker.onRequest(async ({ path }) => {
      if (!/\/pipelines\/\d+$/.test(path)) return;
      remove();
      await act();
    });
  };

  it.each([
    ['is answered', 200, 0],
    ['fails in all its tries', 502, 5],
    ['finds the repo hidden', 404, 2],
  ])('causes another poll soon if the first one %s', async (_, status, times) => {
    const world = await startRunning(10 * hour);
    const { clock, woodpecker, number, harness } = world;
    const hint = () => harness.webhook.receive({ repo: shop, number });
    harness.run('poll');
    if (times > 0) woodpecker.fault({ match: /\/api\/repos\/\d+/, answer: { status }, times });
    await clock.pass(5000);
    // Both hints arrive within one second.
    duringNextAsk(world, hint);
    await hint();
    await clock.pass(900);
    expect(asks(woodpecker)).toBeGreaterThan(0);
    woodpecker.finishPipeline(shop, number);
    await clock.pass(minute);
    expect(harness.shown(shop)?.deployments).toBe(1);
  });

  it('causes another poll soon if only the name of its repo was known', async () => {
    const world = await createSharedWorld();
    const { clock, woodpecker, live } = world;
    const harness = await live();
    woodpecker.addRepo({ fullName: 'acme/new', private: true, access: { alice: 'push' } });
    const { number } = woodpecker.createPipeline('acme/new');
    woodpecker.startPipeline('acme/new', number);
    await clock.pass(10 * hour);
    const hint = () => harness.webhook.receive({ repo: 'acme/new', number });
    harness.run('poll');
    duringNextAsk(world, hint);
    await hint();
    await clock.pass(minute);
    expect(asks(woodpecker)).toBe(2);
    expect([...harness.ingest.state.follows.values()]).toMatchObject([{ number, hintedAt: null }]);
  });

  it('does not restart the polls of a pipeline that ended meanwhile', async () => {
    const world = await startRunning();
    const { clock, woodpecker, number, harness } = world;
    woodpecker.fault({ match: /\/pipelines\/\d+$/, answer: { status: 502 } });
    duringNextAsk(world, async () => {
      woodpecker.finishPipeline(shop, number);
      await harness.round();
    });
    harness.run('poll');
    await clock.pass(minute);
    expect(harness.shown(shop)?.deployments).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });
});

it('a run that is killed after ten hours is polled again within seconds', async () => {
  const { clock, woodpecker, number, harness } = await startRunning(10 * hour);
  harness.run('poll');
  woodpecker.updatePipeline(shop, number, { status: 'killed' });
  await clock.pass(5000);
  await harness.webhook.receive({ repo: shop, number });
  await clock.pass(5000);
  expect(harness.ingest.state.tally.ignored('killed')).toBe(1);
  woodpecker.updatePipeline(shop, number, { status: 'failure' });
  await clock.pass(20_000);
  expect(harness.shown(shop)?.failures).toBe(1);
  expect(harness.ingest.state.follows.size).toBe(0);
});

describe('a cancelled run of an old server', () => {
  const canceled = (world: SharedWorld) => {
    const at = nowSeconds(world.clock);
    return world.woodpecker.addPipeline(shop, {
      ...{ status: 'failure', created: at - 60, started: at - 50, finished: at, updated: at },
      workflows: [
        { name: 'ci', state: 'failure', error: 'Canceled', steps: [{ name: 'ship', state: 'success' }] },
      ],
    });
  };

  it('is read when it is first seen, once more 30 s after its end, and never again', async () => {
    const world = await createSharedWorld('2.8.3');
    const { clock, woodpecker, live } = world;
    const { number } = canceled(world);
    let asksAtStart = 0;
    const harness = await live({ onCaughtUp: () => (asksAtStart = asks(woodpecker)) });
    expect(asksAtStart).toBe(1);
    harness.run('poll', 'reconcile', 'stream');
    await clock.pass(28_000);
    expect(asks(woodpecker)).toBe(0);
    await clock.pass(4_000);
    expect(asks(woodpecker)).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
    await clock.pass(2 * hour);
    expect(asks(woodpecker)).toBe(1);
    const stored = await harness.ingest.read((rows) => rows.pipelines.get(1, number));
    expect(stored?.classification.reason).toBe('killed');
  });

  it('is read once more after a restart', async () => {
    const world = await createSharedWorld('2.8.3');
    const { clock, woodpecker, live } = world;
    canceled(world);
    await (await live()).stop();
    await clock.pass(10_000);
    const harness = await live();
    harness.run('poll');
    await clock.pass(hour);
    expect(asks(woodpecker)).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('is read again 30 s after each later write', async () => {
    const world = await createSharedWorld('2.8.3');
    const { clock, woodpecker, live } = world;
    const { number } = canceled(world);
    const harness = await live();
    harness.run('poll', 'reconcile', 'stream');
    await clock.pass(10 * minute);
    expect(asks(woodpecker)).toBe(1);
    const at = nowSeconds(clock);
    woodpecker.updatePipeline(shop, number, { finished: at, updated: at });
    await harness.round();
    expect(asks(woodpecker)).toBe(2);
    await clock.pass(hour);
    expect(asks(woodpecker)).toBe(3);
  });

  it('is not read again if it ended more than 30 s before it was first seen', async () => {
    const world = await createSharedWorld('2.8.3');
    const { clock, woodpecker, live } = world;
    canceled(world);
    await clock.pass(31_000);
    const harness = await live();
    harness.run('poll');
    await clock.pass(hour);
    expect(asks(woodpecker)).toBe(0);
    expect(harness.ingest.state.follows.size).toBe(0);
  });
});

describe('if the clock of the server is half an hour ahead,', () => {
  const ahead = dawn + 1800;
  /** Kills a running pipeline whose agent does not report. */
  const killWhileRunning = (woodpecker: FakeWoodpecker): number => {
    const { number } = woodpecker.createPipeline(shop);
    woodpecker.startPipeline(shop, number);
    woodpecker.cancelPipeline(shop, number);
    woodpecker.updatePipeline(shop, number, { updated: ahead, finished: ahead });
    return number;
  };

  it('a killed run is polled for an hour, whenever the time since it was first seen has doubled', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    killWhileRunning(woodpecker);
    const harness = await live();
    harness.run('poll');
    await clock.pass(30 * minute);
    // Polled 2 s, 4 s, 8 s … 1024 s after it was first seen.
    expect(asks(woodpecker)).toBe(10);
    expect(harness.ingest.state.follows.size).toBe(1);
    await clock.pass(45 * minute);
    expect(asks(woodpecker)).toBe(12);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('a killed run is counted once the agent has reported that it failed', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const number = killWhileRunning(woodpecker);
    const harness = await live();
    harness.run('poll');
    await clock.pass(10 * minute);
    woodpecker.updatePipeline(shop, number, { status: 'failure', updated: ahead + 600 });
    await clock.pass(10 * minute);
    expect(harness.shown(shop)?.failures).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('a running pipeline is polled whenever the time since it was first seen has grown by a tenth', async () => {
    const { clock, woodpecker, live } = await createSharedWorld();
    const { number } = woodpecker.createPipeline(shop);
    woodpecker.startPipeline(shop, number);
    woodpecker.updatePipeline(shop, number, { created: ahead, started: ahead, updated: ahead });
    (await live()).run('poll');
    await clock.pass(29 * minute);
    expect(asks(woodpecker)).toBe(54);
  });
});

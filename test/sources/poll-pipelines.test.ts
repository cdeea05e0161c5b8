import { describe, expect, it, onTestFinished } from 'vitest';
import { pollPipelines } from '../../src/sources/poll-pipelines.ts';
import { createWebhook } from '../../src/sources/webhook.ts';
import { systemClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from '../support/fake-woodpecker.ts';
import { createHarness, type Harness } from '../support/harness.ts';

async function start(): Promise<FakeWoodpecker> {
  const woodpecker = await startFakeWoodpecker();
  onTestFinished(() => woodpecker.close());
  woodpecker.addRepo({ fullName: 'acme/shop', private: true, access: { alice: 'push' } });
  return woodpecker;
}

/** Polls with the harness until the test ends. */
function follow(harness: Harness): { events: string[]; stop(): void } {
  const aborter = new AbortController();
  const events: string[] = [];
  const onEvent = (source: string, result: string) => events.push(`${source} ${result}`);
  const { ingest, client } = harness;
  const log = createLog('error', () => undefined);
  pollPipelines({ ingest, client, clock: systemClock, log, onEvent }, aborter.signal).catch((error) => {
    if (!aborter.signal.aborted) throw error;
  });
  const stop = () => aborter.abort(new Error('Test is over'));
  onTestFinished(stop);
  return { events, stop };
}

const hint = (harness: Harness, body: unknown) =>
  createWebhook({ ingest: harness.ingest, clock: systemClock, onEvent: () => undefined }).receive(body);

const asks = (woodpecker: FakeWoodpecker) =>
  woodpecker.requests.filter((request) => /\/pipelines\/\d+$/.test(request.path)).length;

async function caughtUp(woodpecker: FakeWoodpecker): Promise<Harness> {
  const harness = await createHarness({ woodpecker });
  onTestFinished(() => harness.abort());
  await harness.backfill.atStart();
  woodpecker.clearRequests();
  return harness;
}

describe('pollPipelines', () => {
  it('follows a hint of a running pipeline, and counts the pipeline at its end', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    const { number } = woodpecker.createPipeline('acme/shop', {});
    woodpecker.startPipeline('acme/shop', number);
    const { events } = follow(harness);

    expect(await hint(harness, { repo: 'Acme/Shop', number, status: 'success' })).toEqual({
      kind: 'accepted',
      result: 'following',
    });
    await expect.poll(() => events).toContain('follow following');
    expect(harness.shown('acme/shop')?.deployments).toBe(0);

    woodpecker.finishPipeline('acme/shop', number, { status: 'failure' });
    await expect.poll(() => harness.shown('acme/shop')?.failures).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(0);
    expect(await hint(harness, { repo: 'acme/shop', number })).toEqual({
      kind: 'accepted',
      result: 'duplicate',
    });
  });

  it('keeps following the pipelines of a hint and of a backfill after a restart', async () => {
    const woodpecker = await start();
    const found = woodpecker.createPipeline('acme/shop', {});
    const harness = await caughtUp(woodpecker);
    const hinted = woodpecker.createPipeline('acme/shop', {});
    await hint(harness, { repo: 'acme/shop', number: hinted.number });

    const restarted = await harness.restart();
    onTestFinished(() => restarted.abort());
    expect([...restarted.ingest.state.follows.values()].map((one) => one.number).sort()).toEqual([
      found.number,
      hinted.number,
    ]);
    for (const { number } of [found, hinted]) {
      woodpecker.startPipeline('acme/shop', number);
      woodpecker.finishPipeline('acme/shop', number);
    }
    follow(restarted);

    await expect.poll(() => restarted.shown('acme/shop')?.deployments).toBe(2);
  });

  it('drops a hint if Woodpecker does not know its pipeline or its repo', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    const { events } = follow(harness);

    await hint(harness, { repo: 'acme/shop', number: 4711 });
    await hint(harness, { repo: 'nobody/nothing', number: 1 });

    await expect.poll(() => events.filter((event) => event === 'follow rejected').length).toBe(2);
    expect(harness.ingest.state.follows.size).toBe(0);
    expect(harness.ingest.state.repos.size).toBe(1);
  });

  it('finds an unknown repo through a hint', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    harness.backfill.inBackground().catch(() => undefined);
    const repo = woodpecker.addRepo({ fullName: 'acme/new', private: true, access: { alice: 'push' } });
    const { number } = woodpecker.runPipeline(repo);
    follow(harness);

    await hint(harness, { repo: 'acme/new', number });

    await expect.poll(() => harness.shown('acme/new')?.deployments).toBe(1);
  });

  it('requests a pipeline at most every two seconds, however many hints arrive', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    const { number } = woodpecker.createPipeline('acme/shop', {});
    follow(harness);

    for (let i = 0; i < 15; i++) {
      await hint(harness, { repo: 'acme/shop', number });
      await new Promise((resolve) => setTimeout(resolve, 60));
    }

    expect(asks(woodpecker)).toBe(1);
  });

  it('reads a pipeline even if others cannot be read', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    const numbers = Array.from({ length: 5 }, () => woodpecker.runPipeline('acme/shop').number);
    for (const number of numbers.slice(0, 4)) {
      woodpecker.fault({ match: new RegExp(`/pipelines/${number}$`), answer: { status: 500 } });
    }
    for (const number of numbers) await hint(harness, { repo: 'acme/shop', number });
    follow(harness);

    await expect.poll(() => harness.shown('acme/shop')?.deployments).toBe(1);
    expect(harness.ingest.state.follows.size).toBe(4);
  });

  it('waits while Woodpecker does not answer, and continues when it does', async () => {
    const woodpecker = await start();
    const harness = await caughtUp(woodpecker);
    const { number } = woodpecker.runPipeline('acme/shop');
    await woodpecker.stop();
    follow(harness);
    await hint(harness, { repo: 'acme/shop', number });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(harness.ingest.state.follows.size).toBe(1);

    await woodpecker.start();

    await expect.poll(() => harness.shown('acme/shop')?.deployments).toBe(1);
  });
});

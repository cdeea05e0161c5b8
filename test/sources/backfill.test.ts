import { describe, expect, it, onTestFinished } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { BackfillRequest, BackfillSummary } from '../../src/sources/backfill.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import {
  type FakeWoodpecker,
  type FakeWoodpeckerOptions,
  startFakeWoodpecker,
} from '../support/fake-woodpecker.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

const day = 86_400;
const now = Math.floor(Date.now() / 1000);

async function start(options: FakeWoodpeckerOptions = {}): Promise<FakeWoodpecker> {
  const woodpecker = await startFakeWoodpecker(options);
  onTestFinished(() => woodpecker.close());
  return woodpecker;
}

/** A repo that alice may push to, with `count` pipelines, one an hour up to an hour ago, every tenth a failure. */
function addBusyRepo(woodpecker: FakeWoodpecker, fullName: string, count: number): void {
  const repo = woodpecker.addRepo({ fullName, private: true, access: { alice: 'push' } });
  for (let i = 1; i <= count; i++) {
    const created = now - (count - i + 1) * 3600;
    const status = i % 10 === 0 ? 'failure' : 'success';
    woodpecker.addPipeline(repo, { status, created, started: created + 1, finished: created + 60 });
  }
}

interface Setting {
  readonly woodpecker: FakeWoodpecker;
  readonly harness: Harness;
}

/** An exporter beside a Woodpecker with these busy repos, before its first backfill. */
async function startWith(
  repos: Readonly<Record<string, number>>,
  options: Partial<HarnessOptions> = {},
): Promise<Setting> {
  const woodpecker = await start();
  for (const [fullName, count] of Object.entries(repos)) addBusyRepo(woodpecker, fullName, count);
  return { woodpecker, harness: await createHarness({ woodpecker, ...options }) };
}

/** The same after its first backfill. */
async function caughtUp(
  repos: Readonly<Record<string, number>>,
  options: Partial<HarnessOptions> = {},
): Promise<Setting> {
  const setting = await startWith(repos, options);
  await setting.harness.backfill.atStart();
  return setting;
}

/** A new process on the database of this one, after its backfill at start. */
async function restarted(harness: Harness): Promise<Harness> {
  const again = await harness.restart();
  await again.backfill.atStart();
  return again;
}

const pipelineLists = (woodpecker: FakeWoodpecker) =>
  woodpecker.requests.filter((request) => /\/pipelines$/.test(request.path));

async function runManual(harness: Harness, request: Partial<BackfillRequest> = {}): Promise<BackfillSummary> {
  const started = await harness.backfill.start({
    since: null,
    until: null,
    repos: null,
    isDry: false,
    ...request,
  });
  if (!started.ok) throw new Error('Backfill was refused');
  return started.done;
}

describe('backfill at start', () => {
  it('reads the whole history, page by page, and counts each pipeline once', async () => {
    const { harness } = await caughtUp({ 'acme/shop': 130 });

    expect(harness.shown('acme/shop')).toEqual({
      deployments: 130,
      failures: 13,
      lastSuccess: now - 2 * 3600 + 60,
      lastFailure: now - 3600 + 60,
      failingSince: now - 3600 + 60,
    });
    const [summary] = await harness.backfill.list();
    expect(summary).toMatchObject({
      state: 'done',
      repos: 1,
      pipelines: { scanned: 130, stored: 130, duplicate: 0, ignored: 0 },
      errors: [],
    });
  });

  it('reads every repo for an administrator, and for a user only the repos that the user may push to', async () => {
    const woodpecker = await start();
    for (let i = 0; i < 60; i++) woodpecker.addRepo({ fullName: `acme/repo-${i}`, private: true });
    woodpecker.grant('alice', 'acme/repo-7', 'push');

    const asUser = await createHarness({ woodpecker });
    await asUser.backfill.atStart();
    expect([...asUser.ingest.state.repos.values()].map((repo) => repo.fullName)).toEqual(['acme/repo-7']);

    const asAdmin = await createHarness({ woodpecker, token: woodpecker.adminToken });
    await asAdmin.backfill.atStart();
    expect(asAdmin.ingest.state.repos.size).toBe(60);
  });

  it('shows a repo without pipelines with all figures at 0', async () => {
    const woodpecker = await start();
    woodpecker.addRepo({ fullName: 'acme/new', access: { alice: 'push' } });
    const harness = await createHarness({ woodpecker });

    await harness.backfill.atStart();

    expect(harness.shown('acme/new')).toEqual({
      deployments: 0,
      failures: 0,
      lastSuccess: 0,
      lastFailure: 0,
      failingSince: 0,
    });
  });

  it('costs one list per repo at a second start with nothing new', async () => {
    const woodpecker = await start();
    for (let i = 0; i < 5; i++) addBusyRepo(woodpecker, `acme/repo-${i}`, 120);
    const harness = await createHarness({ woodpecker });
    await harness.backfill.atStart();
    expect((await harness.backfill.list())[0]?.pipelines).toMatchObject({ scanned: 600, stored: 600 });

    woodpecker.clearRequests();
    const again = await restarted(harness);

    expect(pipelineLists(woodpecker)).toHaveLength(5);
    expect(woodpecker.requests).toHaveLength(7);
    expect(again.shown('acme/repo-0')?.deployments).toBe(120);
  });

  it('closes the gap that downtime of the exporter has left', async () => {
    const { woodpecker, harness } = await caughtUp({ 'acme/shop': 20 });
    for (let i = 0; i < 70; i++) {
      const created = now - 1800 + i;
      woodpecker.addPipeline('acme/shop', { created, started: created, finished: created + 10 });
    }

    const again = await restarted(harness);

    expect(again.shown('acme/shop')).toMatchObject({ deployments: 90, failures: 2, failingSince: 0 });
  });

  it('misses nothing when pipelines are created and deleted between two pages', async () => {
    const woodpecker = await start();
    addBusyRepo(woodpecker, 'acme/shop', 160);
    let lists = 0;
    woodpecker.onRequest((request) => {
      if (!/\/pipelines$/.test(request.path)) return;
      lists++;
      if (lists === 2) for (const number of [155, 156, 157]) woodpecker.deletePipeline('acme/shop', number);
      // The deletions moved rows up, so the exporter reads a page again. This pipeline moves them down once
      // more.
      if (lists === 3) woodpecker.addPipeline('acme/shop', { created: now - 100, finished: now - 50 });
    });
    const harness = await createHarness({ woodpecker });

    await harness.backfill.atStart();

    const repo = [...harness.ingest.state.repos.values()][0];
    const stored = new Set<number>();
    await harness.store.transact(async ({ pipelines }) => {
      for await (const slice of pipelines.all(repo?.key))
        for (const row of slice) stored.add(row.record.number);
    });
    const expected = woodpecker.pipelines('acme/shop').map((pipeline) => pipeline.number);
    // The newest pipeline is above the first page. The next catch-up finds it.
    expect(expected.filter((number) => number <= 160 && !stored.has(number))).toEqual([]);
  });

  it('takes the finish of a failure from its workflows if the pipeline has none', async () => {
    const woodpecker = await start();
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.addPipeline(repo, {
      status: 'failure',
      created: now - 1000,
      started: now - 990,
      finished: 0,
      updated: now - 500,
      workflows: [
        { name: 'build', state: 'failure', started: now - 990, finished: now - 600 },
        { name: 'deploy', state: 'skipped' },
      ],
    });
    const harness = await createHarness({ woodpecker });

    await harness.backfill.atStart();

    expect(harness.shown('acme/shop')).toMatchObject({ failures: 1, lastFailure: now - 600 });
  });

  it('counts a cancelled run of an older server as killed, and asks for each failure once', async () => {
    const woodpecker = await start({ version: '2.8.3' });
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.addPipeline(repo, {
      status: 'failure',
      workflowError: 'Canceled',
      created: now - 900,
      started: now - 890,
      finished: now - 800,
      workflows: [
        { name: 'build', state: 'failure', error: 'Canceled', steps: [{ name: 'test', state: 'killed' }] },
      ],
    });
    woodpecker.addPipeline(repo, {
      status: 'failure',
      created: now - 700,
      started: now - 690,
      finished: now - 600,
    });
    const harness = await createHarness({ woodpecker });

    await harness.backfill.atStart();
    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 1 });
    expect(harness.ingest.state.tally.ignored('killed')).toBe(1);

    woodpecker.clearRequests();
    await restarted(harness);
    expect(woodpecker.requests.filter((request) => /\/pipelines\/\d+$/.test(request.path))).toEqual([]);
  });

  it('does not read pipelines older than the horizon at every start', async () => {
    const woodpecker = await start();
    const repo = woodpecker.addRepo({ fullName: 'acme/old', access: { alice: 'push' } });
    for (let i = 0; i < 120; i++) {
      const created = now - 300 * day + i * 3600;
      woodpecker.addPipeline(repo, { created, started: created, finished: created + 60 });
    }
    const harness = await createHarness({ woodpecker });
    await harness.backfill.atStart();

    woodpecker.clearRequests();
    await restarted(harness);

    expect(pipelineLists(woodpecker)).toHaveLength(1);
  });

  it('shows no series of a repo before its first backfill is complete', async () => {
    const { woodpecker, harness } = await startWith({ 'acme/shop': 120 });
    const seen: unknown[] = [];
    woodpecker.onRequest((request) => {
      if (/\/pipelines$/.test(request.path)) seen.push(harness.shown('acme/shop'));
    });

    await harness.backfill.atStart();

    expect(seen.length).toBeGreaterThan(2);
    expect(seen.every((one) => one === null)).toBe(true);
    expect(harness.shown('acme/shop')?.deployments).toBe(120);
  });

  it('continues where a crash interrupted it', async () => {
    const { woodpecker, harness } = await startWith({ 'acme/shop': 500 });
    let lists = 0;
    const unhook = woodpecker.onRequest((request) => {
      if (/\/pipelines$/.test(request.path) && ++lists === 8) harness.abort();
    });
    await expect(harness.backfill.atStart()).rejects.toThrow('Harness was aborted');
    unhook();
    expect(harness.shown('acme/shop')).toBeNull();
    expect([harness.backfill.running, (await harness.backfill.list())[0]?.state]).toEqual([
      null,
      'interrupted',
    ]);

    woodpecker.clearRequests();
    const again = await restarted(harness);

    expect(again.shown('acme/shop')).toMatchObject({ deployments: 500, failures: 50 });
    // One list for the newest page, the others for the pipelines below the first 350.
    expect(pipelineLists(woodpecker).length).toBeLessThanOrEqual(6);
    expect((await again.backfill.list()).map((summary) => summary.state)).toEqual(['done', 'interrupted']);
  });

  it('continues with the other repos if one fails, and names that one', async () => {
    const { woodpecker, harness } = await startWith({ 'acme/good': 5, 'acme/bad': 5 });
    const { id } = woodpecker.repo('acme/bad');
    woodpecker.fault({ match: `/api/repos/${id}/`, answer: { status: 400 } });

    await harness.backfill.atStart();

    expect(harness.shown('acme/good')?.deployments).toBe(5);
    expect(harness.shown('acme/bad')).toBeNull();
    expect((await harness.backfill.list())[0]?.errors).toMatchObject([{ repo: 'acme/bad' }]);
  });

  it('waits until Woodpecker answers', async () => {
    const { woodpecker, harness } = await startWith({ 'acme/shop': 3 });
    await woodpecker.stop();
    setTimeout(() => woodpecker.start(), 300);

    // The first tries fail. The pause before the next round takes real time.
    await harness.backfill.atStart();

    expect(harness.shown('acme/shop')?.deployments).toBe(3);
  });

  it('counts a repo that was deleted and added again in one series', async () => {
    const { woodpecker, harness } = await caughtUp({ 'acme/shop': 12 });
    woodpecker.deleteRepo('acme/shop');
    const added = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    woodpecker.addPipeline(added, { created: now - 60, started: now - 60, finished: now - 30 });

    const again = await restarted(harness);

    expect(again.shown('acme/shop')).toMatchObject({
      deployments: 13,
      failures: 1,
      lastSuccess: now - 30,
    });
  });

  it('completes in the background if the store failed during the catch-up', async () => {
    const woodpecker = await start();
    addBusyRepo(woodpecker, 'acme/shop', 120);
    const memory = openMemoryStore();
    let isBroken = false;
    const store: Store = {
      transact: (work) =>
        isBroken ? Promise.reject(new StoreUnavailable('Disk is full')) : memory.transact(work),
      close: memory.close,
    };
    const harness = await createHarness({ woodpecker, store });
    const unhook = woodpecker.onRequest((request) => {
      if (request.query.includes('page=2')) isBroken = true;
    });

    await harness.backfill.atStart();
    expect(harness.shown('acme/shop')).toBeNull();
    unhook();
    isBroken = false;
    harness.backfill.inBackground().catch(() => undefined);

    await expect.poll(() => harness.shown('acme/shop')?.deployments).toBe(120);
  });

  it('shows a repo although one of its pipelines cannot be read, and keeps polling that pipeline', async () => {
    const woodpecker = await start();
    addBusyRepo(woodpecker, 'acme/shop', 20);
    const broken = woodpecker.addPipeline('acme/shop', { status: 'failure', finished: 0 });
    const { id } = woodpecker.repo('acme/shop');
    woodpecker.fault({ match: `/api/repos/${id}/pipelines/${broken.number}`, answer: { status: 500 } });
    const harness = await createHarness({ woodpecker });

    await harness.backfill.atStart();

    expect(harness.shown('acme/shop')?.deployments).toBe(20);
    expect([...harness.ingest.state.follows.values()].map((follow) => follow.number)).toEqual([
      broken.number,
    ]);
  });

  it('refuses a rebuilt Woodpecker that uses an id for another repo', async () => {
    const { woodpecker, harness } = await caughtUp({ 'acme/shop': 3 });
    const rebuilt = await start();
    const { id } = woodpecker.repo('acme/shop');
    rebuilt.addRepo({ id, fullName: 'acme/other', forgeRemoteId: '987', access: { alice: 'push' } });

    const again = await createHarness({ woodpecker: rebuilt, store: await storeOf(harness) });

    await expect(again.backfill.atStart()).rejects.toThrow(/DORA_DATABASE/);
    const [stored] = await again.store.transact((tx) => tx.backfills.newest(1));
    expect(JSON.parse(stored?.summary ?? '')).toMatchObject({ state: 'failed', errors: [{ repo: '*' }] });
  });

  it('never asks for repos that the policy does not watch', async () => {
    const woodpecker = await start();
    addBusyRepo(woodpecker, 'acme/shop', 3);
    addBusyRepo(woodpecker, 'other/thing', 3);
    const deployments = { ...defaultPolicy.deployments, repos: ['acme/*'] };
    const harness = await createHarness({ woodpecker, policy: { ...defaultPolicy, deployments } });

    await harness.backfill.atStart();

    expect(harness.shown('acme/shop')?.deployments).toBe(3);
    expect(harness.ingest.state.repos.size).toBe(1);
    const { id } = woodpecker.repo('other/thing');
    expect(woodpecker.requests.filter((request) => request.path.includes(`/repos/${id}`))).toEqual([]);
  });
});

describe('a manual backfill', () => {
  it('stores pipelines older than the history, but does not add them to the counters', async () => {
    const woodpecker = await start();
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    for (const age of [400, 300, 200, 1]) {
      const created = now - age * day;
      woodpecker.addPipeline(repo, {
        status: age === 300 ? 'failure' : 'success',
        created,
        started: created,
        finished: created + 60,
      });
    }
    const harness = await createHarness({ woodpecker, historySeconds: 30 * day });
    await harness.backfill.atStart();

    const summary = await runManual(harness, { since: now - 500 * day });

    expect(summary).toMatchObject({ state: 'done', repos: 1, pipelines: { scanned: 4 }, errors: [] });
    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 0 });
    const counts = harness.ingest.state.tally.events();
    expect(counts).toEqual([{ tier: 'unassigned', event: 'push', deployments: 4 }]);
  });

  it('reads back to the very first pipeline if it has no lower bound', async () => {
    const woodpecker = await start();
    const repo = woodpecker.addRepo({ fullName: 'acme/shop', access: { alice: 'push' } });
    for (const created of [1, now - 4000 * day, now - day]) {
      woodpecker.addPipeline(repo, { created, started: created, finished: created + 60 });
    }
    const harness = await createHarness({ woodpecker, historySeconds: 30 * day });
    await harness.backfill.atStart();

    expect(await runManual(harness, { since: 0 })).toMatchObject({ pipelines: { scanned: 3 }, errors: [] });
  });

  it('finds and counts a pipeline that no other source reported', async () => {
    const { woodpecker, harness } = await caughtUp({ 'acme/shop': 10 });
    woodpecker.addPipeline('acme/shop', { created: now - 120, started: now - 120, finished: now - 60 });

    const summary = await runManual(harness, { since: now - 3 * day });

    expect(summary.pipelines).toEqual({ scanned: 11, stored: 1, duplicate: 10, ignored: 0 });
    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 11, lastSuccess: now - 60 });
  });

  it('stores nothing in a dry run, but reports what it would store', async () => {
    const { woodpecker, harness } = await caughtUp({ 'acme/shop': 10 });
    woodpecker.addPipeline('acme/shop', { created: now - 120, started: now - 120, finished: now - 60 });
    woodpecker.addPipeline('acme/shop', { event: 'pull_request', created: now - 110, finished: now - 60 });

    const summary = await runManual(harness, { since: now - 3 * day, isDry: true });

    expect(summary.pipelines).toEqual({ scanned: 12, stored: 1, duplicate: 10, ignored: 1 });
    expect(summary.message).toBe('Dry run: 1 pipeline would be stored, nothing was');
    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 10 });
  });

  it('reads only the requested repos and time range', async () => {
    const { harness } = await caughtUp({ 'acme/shop': 48, 'other/thing': 48 });

    const summary = await runManual(harness, {
      repos: ['ACME/*'],
      since: now - 20 * 3600,
      until: now - 11 * 3600,
    });

    expect(summary).toMatchObject({ repos: 1, pipelines: { scanned: 10, duplicate: 10 } });
  });

  it.each<[string, Partial<BackfillRequest>]>([
    ['No watched repo matches nobody/*', { repos: ['nobody/*'] }],
    ['No watched repo matches a, b, c and 2 more', { repos: ['a', 'b', 'c', 'd', 'e'] }],
    ['No pipeline was created in this time', { since: now - 60 }],
    ['No pipeline was created in this time', { since: now - 60, isDry: true }],
  ])('reports "%s" if nothing matches', async (message, request) => {
    const { harness } = await caughtUp({ 'acme/shop': 3 });

    const summary = await runManual(harness, request);

    expect(summary).toMatchObject({ state: 'done', pipelines: { scanned: 0 }, message });
    expect((await harness.backfill.list())[0]).toEqual(summary);
  });

  it('has no message if it scanned a pipeline, nor has the backfill at start', async () => {
    const { harness } = await caughtUp({ 'acme/shop': 3 });
    await harness.backfill.atStart();
    await runManual(harness, { since: now - 30 * day });
    const messages = (await harness.backfill.list()).map((summary) => summary.message);
    expect(messages).toEqual([undefined, undefined, undefined]);
  });

  it('is refused while another one runs, with the id of that one', async () => {
    const { harness } = await startWith({ 'acme/shop': 3 });
    const everything = { since: null, until: null, repos: null, isDry: false };
    const first = await harness.backfill.start(everything);
    const second = await harness.backfill.start(everything);

    expect(first.ok && { ok: false, runningId: first.id }).toEqual(second);
    if (first.ok) expect((await first.done).state).toBe('done');
    expect(harness.backfill.running).toBeNull();
  });

  it('is removed from the journal after fifty newer ones', async () => {
    const woodpecker = await start();
    const harness = await createHarness({ woodpecker });
    for (let i = 0; i < 53; i++) await runManual(harness, { isDry: true });

    expect(await harness.backfill.list()).toHaveLength(50);
    const stored = await harness.store.transact((tx) => tx.backfills.newest(1000));
    expect(stored).toHaveLength(50);
  });
});

async function storeOf(harness: Harness): Promise<NonNullable<HarnessOptions['store']>> {
  harness.abort();
  await harness.ingest.idle();
  return harness.store;
}

/**
 * Reconciliation finds what the webhook and the stream missed, with few requests. It notices repos that are new,
 * renamed, gone or back. It gives each pipeline the end that Woodpecker finally stores. Time is simulated; the
 * Woodpecker is the fake one behind its real HTTP server.
 */

import { describe, expect, it } from 'vitest';
import { defaultPolicy } from '../../src/core/policy.ts';
import { StoreUnavailable } from '../../src/ingest/ingest.ts';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import {
  addMine,
  createLiveHarness,
  type Live,
  type LiveHarness,
  type StartOptions,
  startLive,
} from '../support/live-harness.ts';

const second = 1_000;
const minute = 60 * second;

/** An exporter that has caught up with these private repos of alice's. */
const start = (names: readonly string[] = ['acme/shop'], options: StartOptions = {}) =>
  startLive({ prepare: addMine(...names), ...options });

const manyRepos = (count: number) => Array.from({ length: count }, (_, index) => `acme/repo-${index}`);
const paths = (woodpecker: FakeWoodpecker) => woodpecker.requests.map(({ path, query }) => path + query);
const linesAbout = (harness: LiveHarness, pattern: RegExp) =>
  harness.lines.filter((line) => pattern.test(line));

/** One round, and then time to bring new repos up to date in the background. */
async function roundAndRest({ harness, clock }: Live): Promise<void> {
  await harness.round();
  await clock.pass(5 * second);
}

describe('a round of reconciliation', () => {
  it('reads only the repo whose newest pipeline is new', async () => {
    const { harness, woodpecker } = await start(manyRepos(10));
    for (let i = 0; i < 4; i++) woodpecker.runPipeline('acme/repo-4', {}, { status: 'failure' });

    await harness.round();

    expect(harness.shown('acme/repo-4')).toMatchObject({ deployments: 4, failures: 4 });
    const read = paths(woodpecker).filter((path) => /\/pipelines\?/.test(path));
    expect(read).toHaveLength(1);
  });

  it('counts a gap of several pages at once, after the last page', async () => {
    const { harness, woodpecker } = await start();
    woodpecker.runPipeline('acme/shop');
    await harness.round();
    for (let i = 0; i < 130; i++) woodpecker.runPipeline('acme/shop');
    const whilePagesAreRead: unknown[] = [];
    woodpecker.onRequest(({ path }) => {
      if (/\/pipelines$/.test(path)) whilePagesAreRead.push(harness.shown('acme/shop')?.deployments);
    });

    await harness.round();

    expect(whilePagesAreRead).toEqual([1, 1, 1]);
    expect(harness.shown('acme/shop')?.deployments).toBe(131);
  });

  it('finds the end of an older pipeline through the feed', async () => {
    const { harness, woodpecker, clock } = await start();
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.runPipeline('acme/shop');
    await harness.round();
    await clock.pass(minute);

    woodpecker.finishPipeline('acme/shop', number, { status: 'failure' });
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 2, failures: 1 });
  });

  it('finds the end of the newest pipeline of a repo that others push off the feed', async () => {
    const { harness, woodpecker, clock } = await start(['acme/shop', 'acme/busy']);
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    await harness.round();
    await clock.pass(minute);

    woodpecker.finishPipeline('acme/shop', number, { status: 'failure' });
    for (let i = 0; i < 60; i++) woodpecker.runPipeline('acme/busy');
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 1 });
  });

  it('finds an end that no event reports: a restart with a broken configuration', async () => {
    const policy = {
      ...defaultPolicy,
      deployments: { ...defaultPolicy.deployments, failure: ['failure', 'error'] },
    };
    const { harness, woodpecker, clock } = await start(['acme/shop'], { policy });
    const { number } = woodpecker.runPipeline('acme/shop');
    await harness.round();
    await clock.pass(minute);

    woodpecker.restartPipeline('acme/shop', number, { error: 'no config found' });
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 2, failures: 1 });
  });

  it('counts what it found as missed, but not what the stream or a webhook reported', async () => {
    const live = await start(['acme/shop'], { intervalSeconds: 0 });
    const { harness, woodpecker, clock } = live;
    harness.run('stream', 'poll');
    await clock.pass(3 * second);

    woodpecker.runPipeline('acme/shop');
    await clock.settle();
    await harness.round();
    expect(harness.events.get('reconcile stored')).toBeUndefined();

    woodpecker.streams.disturb({ lose: true });
    const hinted = woodpecker.runPipeline('acme/shop');
    await harness.webhook.receive({ repo: 'acme/shop', number: hinted.number });
    await clock.pass(3 * second);
    await harness.round();
    expect(harness.shown('acme/shop')?.deployments).toBe(2);
    expect(harness.events.get('reconcile stored')).toBeUndefined();

    woodpecker.runPipeline('acme/shop');
    await harness.round();
    expect(harness.shown('acme/shop')?.deployments).toBe(3);
    expect(harness.events.get('reconcile stored')).toBe(1);
  });

  it('does not count a running pipeline as missed', async () => {
    const { harness, woodpecker } = await start();
    woodpecker.startPipeline('acme/shop', woodpecker.createPipeline('acme/shop').number);

    await harness.round();

    expect(harness.events.get('reconcile stored')).toBeUndefined();
    expect(harness.ingest.state.follows.size).toBe(1);
  });

  it('continues with the other repos if one cannot be read, and logs that once', async () => {
    const { harness, woodpecker, clock } = await start(manyRepos(3));
    const broken = woodpecker.repo('acme/repo-0').id;
    const fault = woodpecker.fault({ match: `/api/repos/${broken}/pipelines`, answer: { status: 500 } });
    harness.run('reconcile');
    for (const repo of woodpecker.repos()) woodpecker.runPipeline(repo);

    await clock.pass(40 * minute);
    expect(harness.shown('acme/repo-0')?.deployments).toBe(0);
    expect(harness.shown('acme/repo-1')?.deployments).toBe(1);
    expect(harness.shown('acme/repo-2')?.deployments).toBe(1);
    expect(linesAbout(harness, /cannot be read now/)).toHaveLength(1);

    fault.clear();
    await clock.pass(10 * minute);
    expect(harness.shown('acme/repo-0')?.deployments).toBe(1);
    expect(linesAbout(harness, /can be read again/)).toHaveLength(1);
  });

  it('runs at its interval, and at once on request', async () => {
    const { harness, clock } = await start();
    harness.run('reconcile');

    await clock.pass(16 * minute);
    expect(harness.rounds).toBe(3);

    harness.reconciliation.runNow();
    await clock.settle();
    expect(harness.rounds).toBe(4);
  });
});

describe('the end of a pipeline', () => {
  it.each([
    ['3.13.0 later reports the killed run as a failure', '3.13.0', undefined, { reportsSteps: false }],
    ['2.8.3 later reports the killed run as a failure', '2.8.3', undefined, { reportsSteps: false }],
    ['a step of the killed run later reports a failure', '3.13.0', { by: { step: 'test' } }, {}],
  ])('stays killed if %s', async (_, version, cancel, settling) => {
    const { harness, woodpecker, clock } = await start(['acme/shop'], { version });
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.cancelPipeline('acme/shop', number, cancel);
    await harness.round();
    await clock.pass(10 * second);

    woodpecker.settleCanceled('acme/shop', number, settling);
    expect(woodpecker.pipeline('acme/shop', number).status).toBe('failure');
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 0, failures: 0, lastFailure: 0 });
    expect(harness.ingest.state.tally.ignored('killed')).toBe(1);
  });

  it('moves with a later finish', async () => {
    const { harness, woodpecker, clock } = await start();
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.cancelPipeline('acme/shop', number, { by: { step: 'test' } });
    await harness.round();
    const first = harness.shown('acme/shop')?.lastFailure ?? 0;
    expect(first).toBeGreaterThan(0);

    await clock.pass(30 * second);
    woodpecker.settleCanceled('acme/shop', number);
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({
      deployments: 1,
      failures: 1,
      lastFailure: first + 30,
    });
  });

  it('counts if a killed run succeeded after all', async () => {
    const { harness, woodpecker, clock } = await start(['acme/shop'], { version: '3.13.0' });
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.cancelPipeline('acme/shop', number);
    await harness.round();
    await clock.pass(10 * second);
    woodpecker.doneWorkflow('acme/shop', number, 'build', { state: 'success' });
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 1, failures: 0 });
  });

  it('is corrected even if sixty newer pipelines push the change off the feed', async () => {
    const live = await start(['acme/shop', 'acme/busy'], { intervalSeconds: 60 });
    const { harness, woodpecker, clock } = live;
    harness.run('reconcile', 'poll');
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    woodpecker.cancelPipeline('acme/shop', number);
    woodpecker.runPipeline('acme/shop');
    await clock.pass(2 * minute);
    expect(harness.shown('acme/shop')?.deployments).toBe(1);

    for (let i = 0; i < 60; i++) woodpecker.runPipeline('acme/busy');
    woodpecker.doneWorkflow('acme/shop', number, 'build', { state: 'success' });
    await clock.pass(30 * minute);

    expect(harness.shown('acme/shop')?.deployments).toBe(2);
  });

  it('does not count if it is error, declined or canceled', async () => {
    const { harness, woodpecker, clock } = await start();
    const broken = woodpecker.createPipeline('acme/shop', { stopAt: 'created' });
    const declined = woodpecker.createPipeline('acme/shop', { stopAt: 'blocked' });
    const canceled = woodpecker.createPipeline('acme/shop');
    await harness.round();
    await clock.pass(minute);
    woodpecker.errorPipeline('acme/shop', broken.number);
    woodpecker.declinePipeline('acme/shop', declined.number);
    woodpecker.cancelPipeline('acme/shop', canceled.number);
    await harness.round();

    expect(harness.shown('acme/shop')).toMatchObject({ deployments: 0, failures: 0 });
    const { tally } = harness.ingest.state;
    expect(['error', 'declined', 'canceled'].map((reason) => tally.ignored(reason as 'error'))).toEqual([
      1, 1, 1,
    ]);
    expect(harness.ingest.state.follows.size).toBe(0);
  });

  it('counts for a new pipeline under the number of a deleted one', async () => {
    const { harness, woodpecker, clock } = await start();
    const phantom = woodpecker.createPipeline('acme/shop', { stopAt: 'created' });
    await harness.round();
    await clock.pass(minute);
    woodpecker.deletePipeline('acme/shop', phantom.number);
    expect(woodpecker.runPipeline('acme/shop').number).toBe(phantom.number);
    await harness.round();

    expect(harness.shown('acme/shop')?.deployments).toBe(1);
  });
});

describe('repos', () => {
  it('that are new are shown after their first catch-up, not before', async () => {
    const live = await start();
    const { harness, woodpecker } = live;
    woodpecker.addRepo({ fullName: 'acme/new', private: true, access: { alice: 'push' } });
    for (let i = 0; i < 60; i++) woodpecker.runPipeline('acme/new');

    harness.run('background');
    await harness.round();
    expect(harness.shown('acme/new')).toBeNull();
    await live.clock.pass(5 * second);

    expect(harness.shown('acme/new')?.deployments).toBe(60);
    expect(linesAbout(harness, /Repo is new/)).toHaveLength(1);
  });

  it('that are new are logged, and reopen the stream, if the store fails at a later part of their list', async () => {
    const { harness, woodpecker, clock } = await start();
    harness.run('stream');
    await clock.pass(3 * second);
    for (const fullName of manyRepos(250)) woodpecker.addRepo({ fullName, access: { alice: 'push' } });
    const { submit } = harness.ingest;
    let lists = 0;
    harness.ingest.submit = (request) =>
      request.kind === 'repos' && ++lists === 2
        ? Promise.reject(new StoreUnavailable('Disk is full'))
        : submit(request);
    woodpecker.clearRequests();

    await expect(harness.round()).rejects.toThrow(StoreUnavailable);
    await clock.pass(3 * second);
    expect(linesAbout(harness, /are? new/)).toEqual(['info  Repos are new repos=200']);
    expect(paths(woodpecker).filter((path) => path.includes('stream'))).toHaveLength(1);

    await harness.round();
    expect(linesAbout(harness, /Repo is new/)).toHaveLength(50);
    expect(linesAbout(harness, /Repos are new/)).toHaveLength(1);
  });

  it('that are renamed keep their totals', async () => {
    const { harness, woodpecker, clock } = await start();
    woodpecker.runPipeline('acme/shop');
    await harness.round();
    await clock.pass(minute);

    woodpecker.renameRepo('acme/shop', 'globex/store');
    await harness.round();

    expect(harness.shown('acme/shop')).toBeNull();
    expect(harness.shown('globex/store')?.deployments).toBe(1);
    expect(linesAbout(harness, /renamed.*acme\/shop.*globex\/store/)).toHaveLength(1);
  });

  const vanishing: [string, (woodpecker: FakeWoodpecker) => void][] = [
    ['deleted', (woodpecker) => woodpecker.deleteRepo('acme/shop')],
    ['made inactive', (woodpecker) => woodpecker.changeRepo('acme/shop', { active: false })],
    ['out of our reach', (woodpecker) => woodpecker.revoke('alice', 'acme/shop')],
  ];
  it.each(
    ['3.17.0', '2.8.3'].flatMap((version) => vanishing.map(([what, vanish]) => ({ version, what, vanish }))),
  )(
    'that are $what on $version disappear only after a second round confirms it',
    async ({ version, vanish }) => {
      const live = await start(['acme/shop', 'acme/other'], { version });
      const { harness, woodpecker, clock } = live;
      woodpecker.runPipeline('acme/shop');
      for (let round = 0; round < 3; round++) await harness.round();
      await clock.pass(minute);

      vanish(woodpecker);
      await harness.round();
      expect(harness.shown('acme/shop')).not.toBeNull();
      for (let round = 0; round < 2; round++) await harness.round();

      expect(harness.shown('acme/shop')).toBeNull();
      expect(harness.shown('acme/other')).not.toBeNull();
      expect(linesAbout(harness, /no longer active/)).toHaveLength(1);
      for (let round = 0; round < 3; round++) await harness.round();
      expect(linesAbout(harness, /no longer active/)).toHaveLength(1);
    },
  );

  it('that are gone disappear in the next round if the store failed in the round that noticed it', async () => {
    const { harness, woodpecker, clock } = await start(['acme/shop', 'acme/other']);
    woodpecker.runPipeline('acme/shop');
    for (let round = 0; round < 3; round++) await harness.round();
    await clock.pass(minute);
    const { submit } = harness.ingest;
    harness.ingest.submit = (request) =>
      request.kind === 'repoGone' ? Promise.reject(new StoreUnavailable('Disk is full')) : submit(request);

    woodpecker.deleteRepo('acme/shop');
    await harness.round();
    await expect(harness.round()).rejects.toThrow('Disk is full');
    expect(harness.shown('acme/shop')).not.toBeNull();
    harness.ingest.submit = submit;
    await harness.round();

    expect(harness.shown('acme/shop')).toBeNull();
    expect(linesAbout(harness, /no longer active/)).toHaveLength(1);
  });

  it('that are active again keep their totals and count what ran meanwhile', async () => {
    const live = await start();
    const { harness, woodpecker, clock } = live;
    harness.run('background');
    woodpecker.runPipeline('acme/shop');
    await harness.round();
    await clock.pass(minute);
    woodpecker.changeRepo('acme/shop', { active: false });
    for (let round = 0; round < 3; round++) await harness.round();
    expect(harness.shown('acme/shop')).toBeNull();

    woodpecker.changeRepo('acme/shop', { active: true });
    woodpecker.runPipeline('acme/shop');
    await roundAndRest(live);

    expect(harness.shown('acme/shop')?.deployments).toBe(2);
    expect(linesAbout(harness, /is back/)).toHaveLength(1);
  });

  it('that are missing from a single round stay', async () => {
    const { harness, woodpecker } = await start();
    await harness.round();
    for (let turn = 0; turn < 3; turn++) {
      woodpecker.revoke('alice', 'acme/shop');
      await harness.round();
      woodpecker.grant('alice', 'acme/shop', 'push');
      await harness.round();
    }

    expect(harness.shown('acme/shop')).not.toBeNull();
    expect(linesAbout(harness, /no longer active/)).toEqual([]);
  });

  it('that vanished while the exporter was down disappear too', async () => {
    const { harness, woodpecker, clock } = await start(['acme/shop', 'acme/other']);
    woodpecker.changeRepo('acme/shop', { active: false });
    const again = await createLiveHarness({ clock, woodpecker, store: harness.store });

    for (let round = 0; round < 3; round++) await again.round();

    expect(again.shown('acme/shop')).toBeNull();
    expect(again.shown('acme/other')).not.toBeNull();
  });

  it('that were made inactive stay hidden even if the stream reports their last pipelines', async () => {
    const { harness, woodpecker, clock } = await start(['acme/shop', 'acme/other']);
    harness.run('stream', 'poll');
    await clock.pass(3 * second);
    const { number } = woodpecker.createPipeline('acme/shop');
    woodpecker.startPipeline('acme/shop', number);
    await clock.settle();
    await harness.round();
    woodpecker.changeRepo('acme/shop', { active: false });
    for (let round = 0; round < 3; round++) await harness.round();
    expect(harness.shown('acme/shop')).toBeNull();

    woodpecker.finishPipeline('acme/shop', number);
    await clock.settle();
    for (let round = 0; round < 4; round++) await harness.round();

    expect(harness.shown('acme/shop')).toBeNull();
  });
});

describe('repos whose newest pipeline no list contains', () => {
  it('are visited three per round for a user of a server before 3.1, least recently read first', async () => {
    const { harness, woodpecker, clock } = await start(manyRepos(9), { version: '2.8.3' });
    await clock.pass(5 * minute);
    for (const repo of woodpecker.repos()) woodpecker.runPipeline(repo);
    woodpecker.fault({
      match: '/api/user/feed',
      answer: { status: 200, body: '[]', headers: { 'Content-Type': 'application/json' } },
    });

    const found = () =>
      woodpecker.repos().filter((repo) => harness.shown(repo.full_name)?.deployments === 1).length;
    const counts: number[] = [];
    for (let round = 0; round < 3; round++) {
      woodpecker.clearRequests();
      await harness.round();
      expect(woodpecker.requests.length).toBeLessThanOrEqual(6);
      counts.push(found());
      await clock.pass(5 * minute);
    }

    expect(counts).toEqual([3, 6, 9]);
  });

  it('cost an administrator few extra requests per round, and each is visited', async () => {
    const { harness, woodpecker, clock } = await start(manyRepos(20), { asAdmin: true });
    await clock.pass(5 * minute);
    for (const repo of woodpecker.repos()) woodpecker.runPipeline(repo);

    for (let round = 0; round < 10; round++) {
      woodpecker.clearRequests();
      await harness.round();
      // One page of all repos and two visits. The first visit of a repo also requests the repo itself.
      expect(woodpecker.requests.length).toBeLessThanOrEqual(3 + 1 + 2 * 2);
      await clock.pass(5 * minute);
    }

    for (const repo of woodpecker.repos()) expect(harness.shown(repo.full_name)?.deployments).toBe(1);
  });

  it.each([{ asAdmin: true }, { asAdmin: false, version: '2.8.3' }])(
    'are all visited within an hour, however many there are (%o)',
    async (options) => {
      const { harness, woodpecker, clock } = await start(manyRepos(400), options);
      await clock.pass(5 * minute);
      for (const repo of woodpecker.repos()) woodpecker.runPipeline(repo);

      for (let round = 0; round < 12; round++) {
        await harness.round();
        await clock.pass(5 * minute);
      }

      const found = woodpecker.repos().filter((repo) => harness.shown(repo.full_name)?.deployments === 1);
      expect(found).toHaveLength(400);
    },
  );

  it('are requested once each for an administrator, so that later lists contain them', async () => {
    const { harness, woodpecker, clock } = await start(manyRepos(30), { asAdmin: true });
    for (let round = 0; round < 40; round++) {
      await clock.pass(5 * minute);
      await harness.round();
    }

    const introduced = paths(woodpecker).filter((path) => /^\/api\/repos\/\d+$/.test(path));
    expect(introduced.length).toBe(30);
    expect(new Set(introduced).size).toBe(30);
  });

  it('are visited even if others cannot be read', async () => {
    const { harness, woodpecker, clock } = await start(manyRepos(8), { asAdmin: true });
    for (const name of manyRepos(3)) {
      const { id } = woodpecker.repo(name);
      woodpecker.fault({ match: `/api/repos/${id}/pipelines`, answer: { status: 500 } });
    }
    harness.run('reconcile');
    await clock.pass(minute);
    for (const repo of woodpecker.repos()) woodpecker.runPipeline(repo);

    await clock.pass(120 * minute);

    for (const name of manyRepos(8).slice(3)) expect(harness.shown(name)?.deployments).toBe(1);
  });

  it('are noticed for an administrator when they are new, renamed, gone or back, over several pages', async () => {
    const live = await start(manyRepos(70), { asAdmin: true });
    const { harness, woodpecker, clock } = live;
    harness.run('background');
    const rounds = async (count: number) => {
      for (let round = 0; round < count; round++) await roundAndRest(live);
    };
    await rounds(2);
    woodpecker.addRepo({ fullName: 'zeta/new', private: true });
    woodpecker.runPipeline('zeta/new');
    woodpecker.renameRepo('acme/repo-7', 'zeta/seven');
    woodpecker.deleteRepo('acme/repo-8');
    woodpecker.changeRepo('acme/repo-9', { active: false });
    await clock.pass(minute);
    await rounds(8);

    expect(harness.shown('zeta/new')?.deployments).toBe(1);
    expect(harness.shown('acme/repo-7')).toBeNull();
    expect(harness.shown('zeta/seven')).not.toBeNull();
    expect(harness.shown('acme/repo-8')).toBeNull();
    expect(harness.shown('acme/repo-9')).toBeNull();
    expect(linesAbout(harness, /no longer active/)).toHaveLength(2);

    woodpecker.changeRepo('acme/repo-9', { active: true });
    await rounds(3);
    expect(harness.shown('acme/repo-9')).not.toBeNull();
  });
});

/**
 * Woodpecker lists only repos that have a row in its table of permissions. The fake fills that table as the real
 * server does. Repos that somebody else activates must be found, and an administrator's token must cover all repos
 * within an hour.
 */

import { describe, expect, it } from 'vitest';
import type { FakeWoodpecker } from '../support/fake-woodpecker.ts';
import { type LiveHarness, startLive } from '../support/live-harness.ts';

const second = 1_000;
const minute = 60 * second;

/** No stream is given up for its silence. */
const idleMs = 10_000 * minute;

const asksFor = (woodpecker: FakeWoodpecker, id: number) =>
  woodpecker.requests.filter(({ path }) => path === `/api/repos/${id}`).length;

const unseen = { forgeAccess: { alice: 'push' } } as const;

describe.each(['3.17.0', '2.8.3'])("a plain user's token on %s", (version) => {
  it('finds a public repo that somebody else activates as soon as the stream names it', async () => {
    const { clock, woodpecker, harness } = await startLive({ version, idleMs });
    harness.run('stream', 'reconcile', 'background');
    await clock.pass(10 * second);
    const late = woodpecker.addRepo({ fullName: 'acme/late', ...unseen });
    woodpecker.runPipeline(late);
    await clock.pass(minute);

    expect(harness.shown('acme/late')).toMatchObject({ deployments: 1 });
    woodpecker.runPipeline(late, {}, { status: 'failure' });
    await clock.pass(10 * second);
    expect(harness.shown('acme/late')).toMatchObject({ deployments: 2, failures: 1 });
    expect(asksFor(woodpecker, late.id)).toBe(1);
  });

  it('requests a public repo that the user may not push to once, and then never again', async () => {
    const { clock, woodpecker, harness } = await startLive({ version, idleMs });
    harness.run('stream', 'reconcile', 'background');
    await clock.pass(10 * second);
    const others = woodpecker.addRepo({ fullName: 'others/tool' });
    for (let run = 0; run < 5; run++) {
      woodpecker.runPipeline(others);
      await clock.pass(5 * minute);
    }

    expect(harness.repo('others/tool')).toBeUndefined();
    expect(asksFor(woodpecker, others.id)).toBe(1);
  });

  it('finds a private repo that a hint names, and receives its events on the stream from then on', async () => {
    const { clock, woodpecker, harness } = await startLive({ version, idleMs });
    harness.run('stream', 'reconcile', 'background', 'poll');
    await clock.pass(10 * second);
    const late = woodpecker.addRepo({ fullName: 'acme/late', private: true, ...unseen });
    const { number } = woodpecker.runPipeline(late);
    await harness.webhook.receive({ repo: 'acme/late', number });
    await clock.pass(6 * minute);
    expect(harness.shown('acme/late')).toMatchObject({ deployments: 1 });

    woodpecker.runPipeline(late, {}, { status: 'failure' });
    await clock.pass(second);
    expect(harness.shown('acme/late')).toMatchObject({ deployments: 2, failures: 1 });
  });

  it('finds a private repo that somebody else activates once the user has logged in again', async () => {
    const { clock, woodpecker, harness } = await startLive({ version, idleMs });
    harness.run('stream', 'reconcile', 'background');
    const late = woodpecker.addRepo({ fullName: 'acme/late', private: true, ...unseen });
    woodpecker.runPipeline(late);
    await clock.pass(30 * minute);
    expect(harness.repo('acme/late')).toBeUndefined();

    woodpecker.logIn('alice');
    await clock.pass(6 * minute);
    expect(harness.shown('acme/late')).toMatchObject({ deployments: 1 });
  });
});

it("a stream that names hundreds of other people's repos causes fewer than 30 list requests an hour", async () => {
  const { clock, woodpecker, harness } = await startLive({ idleMs });
  harness.run('stream', 'reconcile', 'background');
  await clock.pass(10 * second);
  woodpecker.clearRequests();
  for (let index = 0; index < 360; index++) {
    const repo = woodpecker.addRepo({ fullName: `others/r${index}` });
    woodpecker.createPipeline(repo, { stopAt: 'blocked' });
    await clock.pass(10 * second);
  }

  // Without those repos, an hour has twelve rounds with one such request each.
  expect(woodpecker.requests.filter(({ path }) => path === '/api/user/repos').length).toBeLessThan(30);
});

describe("an administrator's token", () => {
  const repoCount = 40;
  const prepare = (fake: FakeWoodpecker): void => {
    for (let index = 0; index < repoCount; index++) {
      const fullName = `acme/r${String(index).padStart(3, '0')}`;
      const repo = fake.addRepo({ fullName, private: true, forgeAccess: { root: 'push' } });
      fake.addPipeline(repo, { created: 1_780_000_000 });
    }
  };
  const missAll = (woodpecker: FakeWoodpecker): void => {
    for (const repo of woodpecker.repos()) woodpecker.addPipeline(repo, { status: 'failure' });
  };
  const failures = (harness: LiveHarness) =>
    [...harness.ingest.state.repos.values()].filter(({ fullName }) => harness.shown(fullName)?.failures === 1)
      .length;

  it('requests each repo once, and then needs three requests and one page of all repos per round', async () => {
    const { clock, woodpecker, harness } = await startLive({ prepare, asAdmin: true, idleMs });
    harness.run('reconcile');
    await clock.pass(65 * minute);
    const asks = () => woodpecker.repos().map(({ id }) => asksFor(woodpecker, id));
    await expect.poll(asks).toEqual(Array(repoCount).fill(1));

    woodpecker.clearRequests();
    missAll(woodpecker);
    await clock.pass(6 * minute);
    await expect.poll(() => failures(harness)).toBe(repoCount);

    woodpecker.clearRequests();
    await clock.pass(5 * minute);
    await expect
      .poll(() => woodpecker.requests.map(({ path }) => path))
      .toEqual(['/api/user', '/api/user/repos', '/api/user/feed', '/api/repos']);
  });

  it('receives events on the stream for the private repos that it has requested', async () => {
    const { clock, woodpecker, harness } = await startLive({ prepare, asAdmin: true, idleMs });
    harness.run('reconcile', 'stream');
    await clock.pass(75 * minute);
    const before = harness.rounds;
    const some = woodpecker.repos().filter((_, index) => index % 4 === 0);
    for (const repo of some) woodpecker.runPipeline(repo, {}, { status: 'failure' });

    await expect.poll(() => failures(harness)).toBe(some.length);
    expect(harness.rounds).toBe(before);
  });
});

describe('a quiet round', () => {
  it.each([
    ["a user's", false],
    ["an administrator's", true],
  ])('writes nothing, changes no state, and costs a user three requests: %s token', async (_, asAdmin) => {
    const { clock, woodpecker, harness } = await startLive({
      asAdmin,
      idleMs,
      prepare: (fake) => {
        for (let index = 0; index < 60; index++) {
          const repo = fake.addRepo({ fullName: `acme/r${index}`, access: { alice: 'push' } });
          fake.addPipeline(repo, { created: 1_780_000_000 });
        }
      },
    });
    await harness.round();
    await clock.pass(2 * 60 * minute);
    const { version } = harness.ingest.state;
    const repos = [...harness.ingest.state.repos.values()];
    woodpecker.clearRequests();
    for (let round = 0; round < 12; round++) {
      await harness.round();
      await clock.pass(5 * minute);
    }

    expect(harness.ingest.state.version).toBe(version);
    expect([...harness.ingest.state.repos.values()].every((repo, at) => repo === repos[at])).toBe(true);
    if (asAdmin) return;
    const ofOneRound = ['/api/user', '/api/user/repos', '/api/user/feed'];
    expect(woodpecker.requests.map(({ path }) => path)).toEqual(Array(12).fill(ofOneRound).flat());
  });
});

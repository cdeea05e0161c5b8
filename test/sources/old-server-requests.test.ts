/** Requests to servers before 3.14: their number grows with the repos, not with the pipelines. */

import { expect, it } from 'vitest';
import { openStore } from '../../src/store/sqlite.ts';
import type { FakeWoodpecker, PipelineInput } from '../support/fake-woodpecker.ts';
import { createLiveHarness, dawn, startSimulatedWoodpecker } from '../support/live-harness.ts';

const minute = 60_000;
const repoCount = 12;

/** Ends that a list row does not explain, and ends that it does. */
const ends: readonly PipelineInput[] = [
  { status: 'failure' },
  { status: 'failure', finished: 0 },
  { status: 'failure', workflowError: 'Canceled' },
  { status: 'failure', workflows: [] },
  { status: 'killed' },
  { status: 'killed', started: 0, workflows: [] },
  { status: 'error' },
  { status: 'success', finished: 0 },
  { status: 'success' },
];

const paths = (woodpecker: FakeWoodpecker) => woodpecker.requests.map(({ path }) => path);
const single = /\/pipelines\/\d+$/;

it.each(['2.8.3', '3.0.0', '3.13.0'])(
  'a second start with nothing new sends %s one request per repo and two more, and never requests a single pipeline',
  async (version) => {
    const { clock, woodpecker } = await startSimulatedWoodpecker(version);
    for (let index = 0; index < repoCount; index++) {
      const repo = woodpecker.addRepo({ fullName: `acme/repo-${index}`, access: { alice: 'push' } });
      // All within the last hour, whose ends a scan reads again.
      for (const [age, end] of ends.entries()) {
        woodpecker.addPipeline(repo, { created: dawn - 3_000 + age * 100, ...end });
      }
    }
    const store = openStore(':memory:');
    const first = await createLiveHarness({ clock, woodpecker, store });
    // Killed runs are read again, since their ends may change.
    first.run('poll');
    await clock.pass(70 * minute);
    await first.stop();

    let atStart: readonly string[] = [];
    woodpecker.clearRequests();
    const second = await createLiveHarness({
      clock,
      woodpecker,
      store,
      idleMs: 1_000 * minute,
      onCaughtUp: () => {
        atStart = paths(woodpecker);
      },
    });
    expect(atStart.filter((path) => single.test(path))).toEqual([]);
    expect(atStart).toHaveLength(2 + repoCount);

    second.run('stream', 'reconcile', 'poll');
    for (let reconnect = 0; reconnect < 3; reconnect++) {
      await clock.pass(30 * minute);
      woodpecker.streams.dropAll();
    }
    await clock.pass(70 * minute);
    expect(second.rounds).toBeGreaterThan(20);
    expect(paths(woodpecker).filter((path) => single.test(path))).toEqual([]);
  },
);

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyDeliveries,
  anyStories,
  type Delivery,
  daySeconds,
  epoch,
  type Story,
} from '../support/histories.ts';
import { expectedSeries, type Rules, rulesByTarget, rulesWithoutNames } from '../support/oracle.ts';
import { project } from '../support/projected.ts';
import { runs } from '../support/runs.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createSqliteHost, createWorld, exactPart, type StoreHost, seriesOf } from '../support/world.ts';

const withScans = { policy: rulesByTarget.policy, canAsk: true };

interface Case {
  readonly stories: readonly Story[];
  readonly deliveries: readonly Delivery[];
}

const liveNexts = ['join', 'join', 'commit', 'restart'] as const;
const scanNexts = ['join', 'join', 'commit', 'restart', 'release'] as const;

const liveCase = (options: Parameters<typeof anyStories>[0]): fc.Arbitrary<Case> =>
  anyStories(options).chain((stories) =>
    fc.record({
      stories: fc.constant(stories),
      deliveries: anyDeliveries(stories, { origins: ['live'], nexts: liveNexts }),
    }),
  );
const scanCase = (options: Parameters<typeof anyStories>[0]): fc.Arbitrary<Case> =>
  anyStories(options).chain((stories) =>
    fc.record({
      stories: fc.constant(stories),
      deliveries: anyDeliveries(stories, { origins: ['live', 'scan'], nexts: scanNexts }),
    }),
  );

const repoIds = (stories: readonly Story[]) => new Set(stories.map(({ facts }) => facts.woodpeckerId));

/** Plays a case and returns the series at the end. No repo may be shown before its release. */
async function playScans({ stories, deliveries }: Case, horizon: number, host?: StoreHost) {
  const world = await createWorld({ mode: withScans, horizon, ...(host && { host }) });
  const released = new Set<number>();
  await world.play(deliveries, (state, { facts, next }) => {
    if (next === 'release' && state.repoById(facts.woodpeckerId)?.revealed) released.add(facts.woodpeckerId);
    const shown = new Set(project(state).map(({ repo }) => repo.toLowerCase()));
    const allowed = new Set([...released].map((id) => state.repoById(id)?.fullName.toLowerCase() ?? ''));
    expect([...shown].filter((name) => !allowed.has(name))).toEqual([]);
  });
  for (const id of repoIds(stories)) await world.release(id, horizon);
  const series = seriesOf(world.state);
  await world.close();
  return series;
}

async function playLive(
  { deliveries }: Case,
  { host, rules = rulesByTarget }: { host?: StoreHost; rules?: Rules } = {},
) {
  const mode = { policy: rules.policy, canAsk: false };
  const world = await createWorld({ mode, ...(host && { host }) });
  await world.play(deliveries);
  const series = seriesOf(world.state);
  await world.close();
  return series;
}

const horizon = epoch + 90 * daySeconds;

describe('live reports', () => {
  it('give the same gauges in any order, once or twice, with any batches and restarts', async () => {
    await fc.assert(
      fc.asyncProperty(liveCase({ corrections: true, reports: true, renames: true }), async (played) => {
        const series = await playLive(played);
        expect(exactPart(series)).toEqual(exactPart(expectedSeries(played.stories, rulesByTarget)));
      }),
      { numRuns: runs(300) },
    );
  });

  it('give the same totals if the reports of a pipeline agree about its end', async () => {
    await fc.assert(
      fc.asyncProperty(liveCase({ reports: true }), async (played) => {
        expect(await playLive(played)).toEqual(expectedSeries(played.stories, rulesByTarget));
      }),
      { numRuns: runs(300) },
    );
  });

  it('give the same totals while repos are renamed, if the policy does not use names', async () => {
    await fc.assert(
      fc.asyncProperty(liveCase({ renames: true }), async (played) => {
        const series = await playLive(played, { rules: rulesWithoutNames });
        expect(series).toEqual(expectedSeries(played.stories, rulesWithoutNames));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('live reports and scans', () => {
  it('give the same gauges, whichever of them delivers a pipeline', async () => {
    await fc.assert(
      fc.asyncProperty(scanCase({ corrections: true, renames: true }), async (played) => {
        const series = await playScans(played, horizon);
        expect(exactPart(series)).toEqual(exactPart(expectedSeries(played.stories, rulesByTarget, horizon)));
      }),
      { numRuns: runs(300) },
    );
  });

  it('give the same totals for pipelines after the horizon', async () => {
    await fc.assert(
      fc.asyncProperty(scanCase({}), async (played) => {
        const series = await playScans(played, horizon);
        expect(series).toEqual(expectedSeries(played.stories, rulesByTarget, horizon));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe('with a SQLite file that is closed and opened at each restart,', () => {
  it('live reports give the same gauges', async () => {
    await fc.assert(
      fc.asyncProperty(liveCase({ corrections: true, reports: true, renames: true }), async (played) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        const series = await playLive(played, { host }).finally(folder.remove);
        expect(exactPart(series)).toEqual(exactPart(expectedSeries(played.stories, rulesByTarget)));
      }),
      { numRuns: runs(25) },
    );
  });

  it('live reports and scans give the same totals', async () => {
    await fc.assert(
      fc.asyncProperty(scanCase({}), async (played) => {
        const folder = createTemporaryFolder();
        const host = createSqliteHost(folder.pathOf('dora.db'));
        const series = await playScans(played, horizon, host).finally(folder.remove);
        expect(series).toEqual(expectedSeries(played.stories, rulesByTarget, horizon));
      }),
      { numRuns: runs(25) },
    );
  });
});

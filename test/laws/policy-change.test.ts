import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Totals } from '../../src/core/series/ledger.ts';
import type { State } from '../../src/core/series/state.ts';
import { anyDeliveries, anyStories, type Delivery, type Story } from '../support/histories.ts';
import { expectedSeries, type Rules, rulesByBranch, rulesByTarget } from '../support/oracle.ts';
import { runs } from '../support/runs.ts';
import { createWorld, exactPart, seriesOf, type World } from '../support/world.ts';

const modeOf = ({ policy }: Rules) => ({ policy, canAsk: false });

/** Stories and an order of arrival; the numbers of one chapter begin after those of the chapter before. */
const anyChapter = (after: number, options: { allEnded: boolean }) =>
  anyStories({ ...options, oneDefaultBranch: true, sharedNames: false, after, maxLength: 8 }).chain(
    (stories) =>
      fc.record({
        stories: fc.constant(stories),
        deliveries: anyDeliveries(stories, { origins: ['live'], nexts: ['join', 'commit', 'restart'] }),
      }),
  );

const totalsOf = (state: State): Record<string, Totals> =>
  Object.fromEntries([...state.pairs].map(([key, { totals }]) => [key, totals]));

interface Counts {
  readonly deployments: number;
  readonly failures: number;
}

/** The counts of every pair with totals, shown or not, by name of the repo and tier. */
const countsByPair = (state: State): Record<string, Counts> =>
  Object.fromEntries(
    [...state.pairs.values()].map(({ repo, tier, totals: { counters } }) => [
      `${state.repos.get(repo)?.fullName.toLowerCase()} ${tier}`,
      {
        deployments: counters['dora_deployments_total'] ?? 0,
        failures: counters['dora_deployment_failures_total'] ?? 0,
      },
    ]),
  );

const countsOf = (series: Record<string, Counts>): Record<string, Counts> =>
  Object.fromEntries(
    Object.entries(series).map(([key, { deployments, failures }]) => [key, { deployments, failures }]),
  );

/** Only the entries with these keys. */
const restrictedTo = <V>(entries: Record<string, V>, keys: Record<string, unknown>): Record<string, V> =>
  Object.fromEntries(Object.entries(entries).filter(([key]) => key in keys));

const [before, after] = [rulesByTarget, rulesByBranch];

describe('a changed policy', () => {
  it('recomputes the gauges of all pipelines, and so does the return to the old policy', async () => {
    await fc.assert(
      fc.asyncProperty(anyChapter(0, { allEnded: false }), async ({ stories, deliveries }) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(deliveries);
        await world.restart(modeOf(after));
        expect(exactPart(seriesOf(world.state))).toEqual(exactPart(expectedSeries(stories, after)));
        await world.restart(modeOf(before));
        expect(exactPart(seriesOf(world.state))).toEqual(exactPart(expectedSeries(stories, before)));
      }),
      { numRuns: runs(150) },
    );
  });

  it('does not change the totals of existing series', async () => {
    await fc.assert(
      fc.asyncProperty(anyChapter(0, { allEnded: false }), async ({ deliveries }) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(deliveries);
        const first = totalsOf(world.state);
        await world.restart(modeOf(after));
        const second = totalsOf(world.state);
        expect(restrictedTo(second, first)).toEqual(first);
        await world.restart(modeOf(before));
        expect(totalsOf(world.state)).toEqual(second);
      }),
      { numRuns: runs(150) },
    );
  });

  it('starts new series at their exact totals', async () => {
    await fc.assert(
      fc.asyncProperty(anyChapter(0, { allEnded: false }), async ({ stories, deliveries }) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(deliveries);
        const existing = seriesOf(world.state);
        await world.restart(modeOf(after));
        const isNew = ([key]: [string, unknown]) => !(key in existing);
        const newOnes = Object.fromEntries(Object.entries(seriesOf(world.state)).filter(isNew));
        const expected = Object.fromEntries(Object.entries(expectedSeries(stories, after)).filter(isNew));
        expect(newOnes).toEqual(expected);
      }),
      { numRuns: runs(150) },
    );
  });

  /** Plays a chapter, and expects its counts to be added to the totals, also to those of series that had ended. */
  async function expectCountedOn(
    world: World,
    { stories, deliveries }: { stories: readonly Story[]; deliveries: readonly Delivery[] },
    rules: Rules,
  ): Promise<void> {
    const had = countsByPair(world.state);
    await world.play(deliveries);
    const counted = Object.entries(expectedSeries(stories, rules)).map(([key, { deployments, failures }]) => [
      key,
      {
        deployments: deployments + (had[key]?.deployments ?? 0),
        failures: failures + (had[key]?.failures ?? 0),
      },
    ]);
    expect(countsByPair(world.state)).toEqual({ ...had, ...Object.fromEntries(counted) });
  }

  it('continues the counters of series, also of series that return', async () => {
    const anyBook = fc.tuple(
      anyChapter(0, { allEnded: true }),
      anyChapter(100, { allEnded: true }),
      anyChapter(200, { allEnded: true }),
    );
    await fc.assert(
      fc.asyncProperty(anyBook, async ([first, second, third]) => {
        const world = await createWorld({ mode: modeOf(before) });
        await expectCountedOn(world, first, before);
        await world.restart(modeOf(after));
        await expectCountedOn(world, second, after);
        const left = countsByPair(world.state);
        await world.restart(modeOf(before));
        expect(restrictedTo(countsByPair(world.state), left)).toEqual(left);
        await expectCountedOn(world, third, before);
      }),
      { numRuns: runs(150) },
    );
  });

  it('counts a pipeline once that was running during the change, under the new policy', async () => {
    await fc.assert(
      fc.asyncProperty(anyChapter(0, { allEnded: true }), async ({ stories, deliveries }) => {
        const world = await createWorld({ mode: modeOf(before) });
        const isEnd = ({ record }: (typeof deliveries)[number]) => record.finishedAt !== null;
        await world.play(deliveries.filter((delivery) => !isEnd(delivery)));
        await world.restart(modeOf(after));
        await world.play(deliveries.filter(isEnd));
        const counted = countsOf(expectedSeries(stories, after));
        expect(countsOf(seriesOf(world.state))).toEqual(counted);
      }),
      { numRuns: runs(150) },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestWindowSeconds } from '../../src/core/policy.ts';
import type { State } from '../../src/core/series/state.ts';
import { anyDeliveries, anyStories } from '../support/histories.ts';
import { expectedSeries, type Rules, rulesByBranch, rulesByTarget } from '../support/oracle.ts';
import { runs } from '../support/runs.ts';
import { createWorld, exactPart, seriesOf, snapshotOf, type World } from '../support/world.ts';

const modeOf = ({ policy }: Rules) => ({ policy, canAsk: false });
const [before, after] = [rulesByTarget, rulesByBranch];

/** Stories and an order of arrival; numbers begin after `first`. */
const anyChapter = (first: number) =>
  anyStories({
    allEnded: false,
    oneDefaultBranch: true,
    sharedNames: false,
    after: first,
    maxLength: 6,
  }).chain((stories) =>
    fc.record({
      stories: fc.constant(stories),
      deliveries: anyDeliveries(stories, { origins: ['live'], nexts: ['join', 'commit'] }),
    }),
  );
const anyBook = fc.tuple(anyChapter(0), anyChapter(100));

const counts = (state: State): Record<string, number> =>
  Object.fromEntries(
    Object.entries(seriesOf(state)).flatMap(([key, { deployments, failures, durations }]) => [
      [`${key} deployments`, deployments],
      [`${key} failures`, failures],
      [`${key} durations`, durations.count],
    ]),
  );

/** Counters that are in both, and lower in the second. */
const fallen = (earlier: Record<string, number>, later: Record<string, number>): string[] =>
  Object.keys(earlier).filter((key) => (later[key] ?? Number.POSITIVE_INFINITY) < (earlier[key] ?? 0));

/** The state, and the state that a restart reads from the store. */
async function bothStates(world: World): Promise<readonly [unknown, unknown]> {
  const cutoff = Math.floor(world.clock.now() / 1000) - longestWindowSeconds(world.ingest.mode.policy);
  const inMemory = snapshotOf(world.state, cutoff);
  await world.restart(world.ingest.mode);
  return [inMemory, snapshotOf(world.state, cutoff)];
}

describe('a policy that is adopted while events arrive', () => {
  it('gives the exact state of all events when it is active, and the store agrees', async () => {
    await fc.assert(
      fc.asyncProperty(anyBook, async ([first, second]) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(first.deliveries);
        const adoption = world.ingest.adopt(modeOf(after));
        await world.play(second.deliveries);
        await adoption;
        expect(world.ingest.mode.policy).toBe(after.policy);
        const stories = [...first.stories, ...second.stories];
        expect(exactPart(seriesOf(world.state))).toEqual(exactPart(expectedSeries(stories, after)));
        const [inMemory, inStore] = await bothStates(world);
        expect(inStore).toEqual(inMemory);
      }),
      { numRuns: runs(150) },
    );
  });

  it('makes no counter fall, and starts new series at their exact totals', async () => {
    await fc.assert(
      fc.asyncProperty(anyBook, async ([first, second]) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(first.deliveries);
        let shown = counts(world.state);
        const watch = () => {
          const now = counts(world.state);
          expect(fallen(shown, now)).toEqual([]);
          shown = now;
        };
        const adoption = world.ingest.adopt(modeOf(after)).then(watch);
        await world.play(second.deliveries, watch);
        await adoption;
        const stories = [...first.stories, ...second.stories];
        const known = { ...expectedSeries(stories, before) };
        const isNew = ([key]: [string, unknown]) => !(key in known);
        // Series of the old policy without events so far are as new as others.
        const newOnes = (series: object) => Object.fromEntries(Object.entries(series).filter(isNew));
        expect(newOnes(seriesOf(world.state))).toEqual(newOnes(expectedSeries(stories, after)));
      }),
      { numRuns: runs(150) },
    );
  });

  it('leaves the old policy in effect until it is active, and also if it is aborted', async () => {
    await fc.assert(
      fc.asyncProperty(anyBook, fc.nat(6), async ([first, second], steps) => {
        const world = await createWorld({ mode: modeOf(before) });
        await world.play(first.deliveries);
        const abort = new AbortController();
        let step = 0;
        const isDone = await world.ingest
          .adopt(modeOf(after), {
            signal: abort.signal,
            onProgress: () => step++ === steps && abort.abort(),
          })
          .then(
            () => true,
            () => false,
          );
        await world.play(second.deliveries);
        const stories = [...first.stories, ...second.stories];
        const rules = isDone ? after : before;
        expect(exactPart(seriesOf(world.state))).toEqual(exactPart(expectedSeries(stories, rules)));
        await world.restart(modeOf(after));
        expect(exactPart(seriesOf(world.state))).toEqual(exactPart(expectedSeries(stories, after)));
        const [inMemory, inStore] = await bothStates(world);
        expect(inStore).toEqual(inMemory);
      }),
      { numRuns: runs(150) },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Deployment } from '../../../src/core/deployment.ts';
import { defaultRules } from '../../../src/core/figures/figure.ts';
import { stepFold } from '../../../src/core/figures/fold.ts';
import { nothingAround } from '../../../src/core/series/judged.ts';
import {
  addToTotals,
  type Credit,
  neverCount,
  type Totals,
  zeroTotals,
} from '../../../src/core/series/ledger.ts';
import { reduce, type TimelineChange } from '../../../src/core/series/reducer.ts';
import { settle } from '../../../src/core/series/settle.ts';
import { atBase, type Timeline } from '../../../src/core/series/timeline.ts';
import { createTimelineBuilder } from '../../../src/core/series/timeline-builder.ts';
import { anyDeployments } from '../../support/arbitraries.ts';
import { gaugesOf } from '../../support/gauges.ts';
import { emptyTimeline } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';

/** `F100` and the like: an outcome and a time. The order of the words gives the numbers. */
const deployments = (...told: string[]): Deployment[] =>
  told.map((word, index) =>
    aDeployment({
      number: index + 1,
      outcome: word.startsWith('S') ? 'success' : 'failure',
      at: Number(word.slice(1)),
    }),
  );

const change = (removed: readonly Deployment[], inserted: readonly Deployment[]): TimelineChange => ({
  removed,
  inserted,
  surroundings: nothingAround,
});
const insert = (...inserted: Deployment[]): TimelineChange => change([], inserted);

function reduceAll(start: Timeline, ...changes: TimelineChange[]): { timeline: Timeline; totals: Totals } {
  let timeline = start;
  let totals = zeroTotals;
  for (const change of changes) {
    const reduction = reduce(timeline, change);
    if (!reduction) throw new Error('The change reaches into the base');
    timeline = reduction.timeline;
    for (const { additions } of reduction.credits) totals = addToTotals(totals, additions);
  }
  return { timeline, totals };
}

const recoveriesOf = ({ totals }: { totals: Totals }) => {
  const { counts = [], sum } = totals.histograms['dora_deployment_recovery_time_seconds'] ?? {};
  return { count: counts.reduce((total, count) => total + count, 0), sum };
};

/** The values of a series by definition alone: sort, then look. */
function bruteForce(all: readonly Deployment[]) {
  const sorted = [...all].sort((a, b) => a.at - b.at || a.number - b.number);
  const successes = sorted.filter(({ outcome }) => outcome === 'success');
  const failures = sorted.filter(({ outcome }) => outcome === 'failure');
  let failingSince = 0;
  let until = 0;
  for (const [index, { outcome, at }] of sorted.entries()) {
    if (outcome === 'success') continue;
    const end = sorted.slice(index).find((later) => later.outcome === 'success')?.at;
    // A failure that touches the end of an episode continues it.
    if (at > until || failingSince === 0) failingSince = at;
    until = end ?? Number.POSITIVE_INFINITY;
  }
  return {
    lastSuccess: successes.at(-1)?.at ?? 0,
    lastFailure: failures.at(-1)?.at ?? 0,
    failingSince: until === Number.POSITIVE_INFINITY ? failingSince : 0,
  };
}

describe('reduce: the histogram of recovery times', () => {
  it.each<[string, string[], number, number]>([
    ['nothing for a success that follows a success', ['S100', 'S200'], 0, 0],
    ['from failure to success', ['F100', 'S400'], 1, 300],
    ['a streak of failures as one episode, from its first failure', ['F100', 'F200', 'F300', 'S400'], 1, 300],
    ['nothing while only failures are known', ['F100', 'F200'], 0, 0],
    ['each episode once', ['F100', 'S150', 'S200', 'F300', 'F350', 'S400'], 2, 150],
    ['an episode that ends within its first second', ['F100', 'S100'], 1, 0],
  ])('observes %s', (_, told, count, sum) => {
    expect(recoveriesOf(reduceAll(emptyTimeline, insert(...deployments(...told))))).toEqual({ count, sum });
    // One by one gives the same result.
    const oneByOne = deployments(...told).map((deployment) => insert(deployment));
    expect(recoveriesOf(reduceAll(emptyTimeline, ...oneByOne))).toEqual({ count, sum });
  });

  it('observes a success that closes an episode only after a late failure', () => {
    const [failure, success] = deployments('F100', 'S400') as [Deployment, Deployment];
    expect(recoveriesOf(reduceAll(emptyTimeline, insert(success), insert(failure)))).toEqual({
      count: 1,
      sum: 300,
    });
  });

  it('keeps an observed recovery if a late success splits the episode, and adds no part of it', () => {
    const [first, between, second, last] = deployments('F100', 'S200', 'F300', 'S400') as Deployment[] as [
      Deployment,
      Deployment,
      Deployment,
      Deployment,
    ];
    const result = reduceAll(emptyTimeline, insert(first, second, last), insert(between));
    // The 300 s from F100 to S400 were observed before S200 was known, so neither failure is observed again.
    expect(recoveriesOf(result)).toEqual({ count: 1, sum: 300 });
    expect(gaugesOf(result.timeline)).toEqual({ lastSuccess: 400, lastFailure: 300, failingSince: 0 });
  });

  it('observes a new episode if a late failure arrives between two successes', () => {
    const [before, late, after] = deployments('S100', 'F200', 'S300') as [Deployment, Deployment, Deployment];
    expect(recoveriesOf(reduceAll(emptyTimeline, insert(before, after), insert(late)))).toEqual({
      count: 1,
      sum: 100,
    });
  });

  it('observes a success only once, even if the failures before it are corrected', () => {
    const [failure, success] = deployments('F100', 'S400') as [Deployment, Deployment];
    const added = reduce(emptyTimeline, insert(failure, success));
    const [known] = added?.timeline.recent ?? [];
    const earlier = { ...(known as Deployment), at: 50 };
    const again = reduce(added?.timeline as Timeline, change([known as Deployment], [earlier]));
    expect(again?.credits).toEqual([]);
  });
});

describe('reduce', () => {
  it('stores with each deployment what the deployment has added to the ledger', () => {
    const reduction = reduce(emptyTimeline, insert(...deployments('F100', 'S400')));
    expect(reduction?.timeline.recent).toEqual(reduction?.credits.map(({ deployment }) => deployment));
    expect(reduction?.credits.map(({ deployment }) => deployment.number)).toEqual([1, 2]);
  });

  it('adds nothing for a deployment that is neverCount, but includes its time in the gauges', () => {
    const old = aDeployment({ at: 100, credited: neverCount });
    const reduction = reduce(emptyTimeline, insert(old));
    expect(reduction?.credits).toEqual([]);
    expect(gaugesOf(reduction?.timeline ?? emptyTimeline).lastSuccess).toBe(100);
  });

  it('gives the values of the definitions, for any order of insertions, removals and corrections', () => {
    const anyStory = anyDeployments().chain((final) =>
      fc.record({
        final: fc.constant(final),
        /** The first reports of some deployments, before their corrections. */
        first: fc.constant(final).chain((all) =>
          fc.tuple(
            ...all.map((deployment) =>
              fc.option(
                fc
                  .record({
                    at: fc.integer({ min: 1, max: 15 }),
                    outcome: fc.constantFrom('success', 'failure'),
                  })
                  .map((told) => ({ ...deployment, ...told })),
                { nil: null },
              ),
            ),
          ),
        ),
        passing: anyDeployments(4).map((all) => all.map((one) => ({ ...one, number: one.number + 100 }))),
        order: fc.array(fc.nat(), { minLength: 80, maxLength: 80 }),
        together: fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }),
      }),
    );
    fc.assert(
      fc.property(anyStory, ({ final, first, passing, order, together }) => {
        // The steps of each deployment keep their order; the deployments mix in any order.
        const steps: TimelineChange[][] = [
          ...final.map((deployment, index): TimelineChange[] => {
            const before = first[index];
            return before ? [insert(before), change([before], [deployment])] : [insert(deployment)];
          }),
          ...passing.map((deployment): TimelineChange[] => [insert(deployment), change([deployment], [])]),
        ];
        const changes: TimelineChange[] = [];
        for (let turn = 0; steps.length > 0; turn++) {
          const at = (order[turn] ?? 0) % steps.length;
          const next = steps[at]?.shift();
          if (next === undefined) steps.splice(at, 1);
          else if (together[turn] && changes.length > 0 && next.removed.length === 0) {
            const previous = changes.pop() as TimelineChange;
            changes.push({ ...previous, inserted: [...previous.inserted, ...next.inserted] });
          } else changes.push(next);
        }
        const { timeline } = reduceAll(emptyTimeline, ...changes);
        expect(gaugesOf(timeline)).toEqual(bruteForce(final));
        const told = timeline.recent.map(({ number, at, outcome }) => ({ number, at, outcome }));
        expect(told).toEqual(
          [...final]
            .sort((a, b) => a.at - b.at || a.number - b.number)
            .map(({ number, at, outcome }) => ({ number, at, outcome })),
        );
        expect(timeline.current).toEqual(timeline.recent.reduce(stepFold, timeline.base));
      }),
      { numRuns: 400 },
    );
  });

  it('does not change its arguments', () => {
    const freeze = (timeline: Timeline): Timeline => {
      Object.freeze(timeline.recent);
      Object.freeze(timeline.base);
      Object.freeze(timeline.current);
      return timeline;
    };
    fc.assert(
      fc.property(anyDeployments(6), anyDeployments(6), (one, other) => {
        const before = reduce(emptyTimeline, insert(...one))?.timeline as Timeline;
        const copy = structuredClone(before);
        const fields = Object.entries(before);
        const change = {
          removed: before.recent.filter((_, index) => index % 2 === 0),
          inserted: other.map((deployment) =>
            Object.freeze({ ...deployment, number: deployment.number + 100 }),
          ),
          surroundings: nothingAround,
        };
        reduce(freeze(before), Object.freeze({ ...change, inserted: Object.freeze(change.inserted) }));
        expect(before).toEqual(copy);
        for (const [field, value] of fields) expect(before[field as keyof Timeline]).toBe(value);
      }),
      { numRuns: 100 },
    );
  });
});

describe('settle', () => {
  const timelineOf = (all: readonly Deployment[]) => reduceAll(emptyTimeline, insert(...all)).timeline;

  it('folds deployments up to the cutoff, and keeps their result', () => {
    const timeline = settle(timelineOf(deployments('F100', 'F200', 'F201')), 200);
    expect(timeline.recent.map(({ at }) => at)).toEqual([201]);
    expect(timeline.baseEnd).toBe(200);
    expect(gaugesOf(atBase(timeline))).toEqual({ lastSuccess: 0, lastFailure: 200, failingSince: 0 });
    expect(timeline.failingSince).toBe(100);
    expect(gaugesOf(timeline)).toEqual({ lastSuccess: 0, lastFailure: 201, failingSince: 100 });
  });

  it('returns the same timeline if no deployment is that old', () => {
    const timeline = timelineOf(deployments('S100'));
    expect(settle(timeline, 99)).toBe(timeline);
    expect(settle(emptyTimeline, 99)).toBe(emptyTimeline);
  });

  it('keeps an open episode that was counted before, so that its new end is not counted', () => {
    const [failure, success, again, end] = deployments('F100', 'S300', 'F300', 'S700') as [
      Deployment,
      Deployment,
      Deployment,
      Deployment,
    ];
    const ended = reduceAll(emptyTimeline, insert(failure), insert(success));
    expect(recoveriesOf(ended)).toEqual({ count: 1, sum: 200 });
    // A failure in the second of the recovery continues the episode.
    const open = reduceAll(ended.timeline, insert(again));
    const settled = settle(open.timeline, 600);
    expect(settled.recent.map(({ at }) => at)).toEqual([100, 300, 300]);
    const result = reduceAll(settled, insert(end));
    expect(recoveriesOf(result)).toEqual({ count: 0, sum: 0 });
    expect(settle(result.timeline, 700).recent).toEqual([]);
  });

  it('makes the reducer refuse a change of folded deployments', () => {
    const settled = settle(timelineOf(deployments('S100', 'S300')), 200);
    const late = aDeployment({ number: 9, at: 200 });
    expect(reduce(settled, insert(late))).toBeNull();
    expect(reduce(settled, change([late], []))).toBeNull();
    expect(reduce(settled, insert({ ...late, at: 201 }))).not.toBeNull();
  });

  it('changes no visible value, and no result of later changes', () => {
    fc.assert(
      fc.property(
        anyDeployments(),
        fc.integer({ min: 0, max: 16 }),
        anyDeployments(5),
        (all, cutoff, later) => {
          const whole = timelineOf(all);
          const settled = settle(whole, cutoff);
          expect(settled.current).toEqual(whole.current);
          // A failure that ended after the cutoff stays, and so do all deployments after it.
          expect(settled.recent).toEqual(whole.recent.slice(-settled.recent.length || whole.recent.length));
          expect(settled.recent.filter(({ at }) => at > cutoff)).toEqual(
            whole.recent.filter(({ at }) => at > cutoff),
          );
          const change: TimelineChange = {
            removed: settled.recent.filter((_, index) => index % 2 === 0),
            inserted: later
              .map((deployment) => ({ ...deployment, number: deployment.number + 100 }))
              .filter(({ at }) => at > cutoff),
            surroundings: nothingAround,
          };
          const [after, wholeAfter] = [reduce(settled, change), reduce(whole, change)];
          expect(after?.timeline.current).toEqual(wholeAfter?.timeline.current);
          const added = (credits: readonly Credit[] = []) =>
            credits.flatMap(({ deployment, additions }) =>
              additions.length > 0 ? [[deployment.number, additions]] : [],
            );
          expect(added(after?.credits)).toEqual(added(wholeAfter?.credits));
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('createTimelineBuilder', () => {
  it('folds any number of old deployments into the base', () => {
    const builder = createTimelineBuilder(defaultRules, 1_000_000, nothingAround);
    for (let index = 0; index < 12_000; index++) {
      const outcome = index % 2 === 0 ? 'failure' : 'success';
      builder.add(aDeployment({ number: index + 1, at: 100_000 + index * 60, outcome }));
    }
    builder.add(aDeployment({ number: 12_001, at: 1_000_100, outcome: 'failure' }));
    const timeline = builder.build();
    expect(timeline.recent.map(({ number }) => number)).toEqual([12_001]);
    expect(timeline.episodes).toEqual([{ start: 1_000_100, end: null }]);
    expect(gaugesOf(timeline)).toEqual({
      lastSuccess: 100_000 + 11_999 * 60,
      lastFailure: 1_000_100,
      failingSince: 1_000_100,
    });
  });

  it('builds the same timeline from a whole series as reducing and settling do', () => {
    fc.assert(
      fc.property(anyDeployments(), fc.integer({ min: 0, max: 16 }), (all, cutoff) => {
        const reduced = reduceAll(emptyTimeline, insert(...all)).timeline;
        const builder = createTimelineBuilder(defaultRules, cutoff, nothingAround);
        for (const deployment of reduced.recent) builder.add(deployment);
        expect(builder.build()).toEqual(settle(reduced, cutoff));
      }),
      { numRuns: 400 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import { defaultRules } from '../../../src/core/figures/figure.ts';
import { type Fold, stepFold } from '../../../src/core/figures/fold.ts';
import { chunkSize, chunksOf } from '../../../src/core/series/chunks.ts';
import { nothingAround } from '../../../src/core/series/judged.ts';
import { reduce } from '../../../src/core/series/reducer.ts';
import { settle } from '../../../src/core/series/settle.ts';
import type { Timeline } from '../../../src/core/series/timeline.ts';
import { createTimelineBuilder } from '../../../src/core/series/timeline-builder.ts';
import { emptyTimeline, plainWindows } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';

const deploymentAt = (at: number, number = at): Deployment =>
  aDeployment({
    number,
    at,
    outcome: number % 3 === 0 ? 'failure' : 'success',
    commit: `c${number % 50}`,
    committedAt: at - (number % 7),
  });
const build = (deployments: readonly Deployment[]): Timeline => {
  const builder = createTimelineBuilder(defaultRules, 0, nothingAround);
  for (const deployment of deployments.toSorted(compareDeployments)) builder.add(deployment);
  return builder.build();
};
const windows = [10, 300, 5000].map((seconds) => ({ name: `${seconds}`, seconds }));

/** The faults in the chunks of a timeline. */
function faultsOf(timeline: Timeline): string[] {
  const chunks = chunksOf(timeline);
  const faults: string[] = [];
  let fold: Fold = timeline.base;
  for (const [index, { before, deployments }] of chunks.entries()) {
    if (deployments.length === 0 || deployments.length > 1.5 * chunkSize)
      faults.push(`${index} holds too many or none`);
    expect(before).toEqual(fold);
    for (const deployment of deployments) fold = stepFold(fold, deployment);
  }
  expect(chunks.flatMap(({ deployments }) => deployments)).toEqual(timeline.recent);
  expect(fold).toEqual(timeline.current);
  return faults;
}

describe('the chunks of a timeline', () => {
  it('contain all its deployments, and each chunk has the state before it, after any changes', () => {
    const anyStep = fc.oneof(
      fc.record({
        kind: fc.constant('insert' as const),
        at: fc.integer({ min: 1, max: 3000 }),
        many: fc.constantFrom(1, 1, 3, 400),
      }),
      fc.record({ kind: fc.constant('remove' as const), place: fc.nat({ max: 5000 }) }),
      fc.record({ kind: fc.constant('settle' as const), seconds: fc.integer({ min: 1, max: 800 }) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 700 }), fc.array(anyStep, { maxLength: 6 }), (length, steps) => {
        let number = 10_000;
        let timeline = build(Array.from({ length }, (_, index) => deploymentAt(3 * index + 1)));
        for (const step of steps) {
          if (step.kind === 'settle') {
            timeline = settle(timeline, timeline.baseEnd + step.seconds);
          } else if (step.kind === 'insert') {
            const inserted = Array.from({ length: step.many }, (_, index) =>
              deploymentAt(timeline.baseEnd + step.at + index, ++number),
            );
            timeline =
              reduce(timeline, { removed: [], inserted, surroundings: nothingAround })?.timeline ?? timeline;
          } else {
            const removed = timeline.recent.slice(step.place, step.place + 1);
            timeline =
              reduce(timeline, { removed, inserted: [], surroundings: nothingAround })?.timeline ?? timeline;
          }
          expect(faultsOf(timeline)).toEqual([]);
          // A copy, without cached chunks.
          const anew = { ...timeline };
          for (const now of [timeline.baseEnd + 150, 2500, 9000])
            expect(plainWindows([timeline], windows, now)).toEqual(plainWindows([anew], windows, now));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('stay the same before a late deployment, so that only later deployments are folded again', () => {
    const before = build(Array.from({ length: 3000 }, (_, index) => deploymentAt(2 * index + 2)));
    const late = deploymentAt(4501, 9001);
    const after =
      reduce(before, { removed: [], inserted: [late], surroundings: nothingAround })?.timeline ??
      emptyTimeline;
    const kept = chunksOf(after).filter((chunk) => chunksOf(before).includes(chunk));
    expect(kept).toHaveLength(Math.floor(2250 / chunkSize));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments } from '../../../src/core/deployment.ts';
import { defaultRules } from '../../../src/core/figures/figure.ts';
import { stepFold } from '../../../src/core/figures/fold.ts';
import { createTimeline, createTimelineBuilder } from '../../../src/core/series/reducer.ts';
import { createSlidingWindow } from '../../../src/core/windows/sliding-window.ts';
import { contributionOf, emptyContent, windowsOf } from '../../../src/core/windows/window-content.ts';
import { anyDeployments } from '../../support/arbitraries.ts';
import { aDeployment } from '../../support/records.ts';

describe('a window that moves on', () => {
  it('holds at any moment what a window looked at by itself holds, and says how long', () => {
    fc.assert(
      fc.property(anyDeployments(), fc.integer({ min: 1, max: 12 }), (unsorted, seconds) => {
        const deployments = unsorted.toSorted(compareDeployments);
        const builder = createTimelineBuilder(defaultRules, 0);
        for (const deployment of deployments) builder.add(deployment);
        const timeline = builder.build();
        const moving = createSlidingWindow(seconds);
        let fold = createTimeline(defaultRules).tip;
        for (let now = 1; now < 40; now++) {
          for (const deployment of deployments.filter(({ at }) => at === now)) {
            moving.add(now, contributionOf(fold, deployment) ?? emptyContent);
            fold = stepFold(fold, deployment);
          }
          moving.moveTo(now);
          const expected = windowsOf([timeline], [{ name: 'w', seconds }], now);
          expect(moving.content).toEqual(expected.windows[0]);
          // One looked at by itself also ends where the next deployment comes.
          const next = deployments.find(({ at }) => at > now)?.at ?? Number.POSITIVE_INFINITY;
          expect(Math.min(moving.validUntil, next)).toBe(expected.validUntil);
        }
      }),
    );
  });

  it('lets go of what has left, however many come', () => {
    const moving = createSlidingWindow(20_000);
    const fold = createTimeline(defaultRules).tip;
    for (let at = 1; at <= 100_000; at++)
      moving.add(at, contributionOf(fold, aDeployment({ at, number: at })) ?? emptyContent);
    expect(moving.content.counts[0]).toBe(20_000);
    expect(moving.validUntil).toBe(100_001);
  });
});

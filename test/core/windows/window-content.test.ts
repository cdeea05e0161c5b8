import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDeployments, type Deployment } from '../../../src/core/deployment.ts';
import type { Window } from '../../../src/core/policy.ts';
import { nothingAround } from '../../../src/core/series/judged.ts';
import { reduce } from '../../../src/core/series/reducer.ts';
import { settle } from '../../../src/core/series/settle.ts';

import { inAscendingOrder, noValues } from '../../../src/core/windows/values.ts';
import {
  isWithin,
  type SeriesWindows,
  windowCounts,
  windowDistributions,
  windowsOf,
} from '../../../src/core/windows/window-content.ts';
import { anyDeployments } from '../../support/arbitraries.ts';
import { timelineOf } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';

const lasting = (...lengths: number[]): Window[] =>
  lengths.map((seconds) => ({ name: `${seconds}s`, seconds }));
const story = (...told: Parameters<typeof aDeployment>[0][]) => timelineOf(told.map(aDeployment));

/** Counts and samples of one window by name. */
function contentOf({ windows }: SeriesWindows, index = 0): Record<string, unknown> {
  const content = windows[index];
  return Object.fromEntries([
    ...windowCounts.map(({ name, cause }, place) => [cause ?? name, content?.counts[place]]),
    ...windowDistributions.map(({ name }, place) => [
      name,
      content && inAscendingOrder(content.samples[place] ?? noValues),
    ]),
  ]);
}

describe('windowsOf', () => {
  it('counts deployments inside the window, by kind', () => {
    const timeline = story(
      { number: 1, at: 90, outcome: 'success' },
      { number: 2, at: 101, outcome: 'failure' },
      { number: 3, at: 120, outcome: 'success', isRework: true, committedAt: 70 },
    );
    const windows = windowsOf([timeline], lasting(100), 200);
    expect(contentOf(windows)).toEqual({
      deployments: 2,
      failed_deployments: 1,
      ...{ pipeline: 1, rollback: 0, fix: 0, incident: 0, operator: 0 },
      rework_deployments: 1,
      change_lead_time_seconds: [50],
      recovery_time_seconds: [19],
    });
    expect(windows.isAny).toBe(true);
  });

  it('measures a recovery from a failure that was folded while it was open', () => {
    const folded = settle(story({ number: 1, at: 100, outcome: 'failure' }), 900);
    expect(folded.recent).toHaveLength(0);
    const inserted = [aDeployment({ number: 2, at: 1000 })];
    const timeline =
      reduce(folded, { removed: [], inserted, surroundings: nothingAround })?.timeline ?? folded;
    expect(contentOf(windowsOf([timeline], lasting(100), 1000))).toMatchObject({
      deployments: 1,
      failed_deployments: 0,
      recovery_time_seconds: [900],
    });
  });

  it('is empty if the longest window contains no deployment', () => {
    const timeline = story({ number: 1, at: 100 });
    expect(windowsOf([timeline], lasting(10, 100), 199)).toMatchObject({ isAny: true, validUntil: 200 });
    expect(windowsOf([timeline], lasting(10, 100), 200)).toMatchObject({
      isAny: false,
      validUntil: Number.POSITIVE_INFINITY,
    });
  });

  const anyCase = () =>
    fc.record({
      deployments: anyDeployments(),
      lengths: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 3 }),
      now: fc.integer({ min: 0, max: 40 }),
    });

  it('counts exactly the deployments within each window', () => {
    fc.assert(
      fc.property(anyCase(), ({ deployments, lengths, now }) => {
        const windows = lasting(...lengths);
        const held = windowsOf([timelineOf(deployments)], windows, now);
        for (const [index, window] of windows.entries()) {
          const within = deployments.filter((deployment) => isWithin(deployment, window, now));
          expect(contentOf(held, index)['deployments']).toBe(within.length);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('stays the same until `validUntil`, and changes then', () => {
    fc.assert(
      fc.property(anyCase(), ({ deployments, lengths, now }) => {
        const timeline = timelineOf(deployments);
        const at = (moment: number) => {
          const { windows, isAny } = windowsOf([timeline], lasting(...lengths), moment);
          return { windows, isAny };
        };
        const { validUntil } = windowsOf([timeline], lasting(...lengths), now);
        const end = Math.min(validUntil, 60);
        for (let moment = now + 1; moment < end; moment++) expect(at(moment)).toEqual(at(now));
        if (validUntil < Number.POSITIVE_INFINITY) {
          expect(validUntil).toBeGreaterThan(now);
          expect(isOtherwise(deployments, lengths, now, validUntil)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on folded deployments that are in no window', () => {
    fc.assert(
      fc.property(anyCase(), ({ deployments, lengths, now }) => {
        const timeline = timelineOf(deployments);
        const cutoff = now - Math.max(...lengths);
        expect(windowsOf([settle(timeline, cutoff)], lasting(...lengths), now)).toEqual(
          windowsOf([timeline], lasting(...lengths), now),
        );
      }),
      { numRuns: 500 },
    );
  });
});

/** Whether some window contains other deployments at one time than at another. */
function isOtherwise(
  deployments: readonly Deployment[],
  lengths: readonly number[],
  now: number,
  later: number,
): boolean {
  const held = (moment: number) =>
    lengths.map((seconds) =>
      deployments
        .filter((deployment) => isWithin(deployment, { seconds }, moment))
        .sort(compareDeployments)
        .map(({ number }) => number),
    );
  return JSON.stringify(held(now)) !== JSON.stringify(held(later));
}

describe('isWithin', () => {
  it.each([
    [99, false],
    [100, false],
    [101, true],
    [200, true],
    [201, false],
  ])('finds that a deployment at %d is in (100, 200]: %s', (at, expected) => {
    expect(isWithin({ at }, { seconds: 100 }, 200)).toBe(expected);
  });
});

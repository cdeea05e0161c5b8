import { describe, expect, it } from 'vitest';
import { defaultRules } from '../../../src/core/figures/figure.ts';
import type { Incident } from '../../../src/core/incident.ts';
import { changesBase } from '../../../src/core/series/base-incidents.ts';

import { settle } from '../../../src/core/series/settle.ts';
import type { Timeline } from '../../../src/core/series/timeline.ts';
import { timelineOf } from '../../support/projected.ts';
import { aDeployment } from '../../support/records.ts';

const withinSeconds = 100;
const rules = {
  ...defaultRules,
  failures: { ...defaultRules.failures, incident: { withinSeconds, staleSeconds: 50 } },
};

const incidentAt = (start: number): Incident =>
  ({ id: 'one', start, end: start + 1, receivedAt: null }) as Incident;

/** One deployment at 1,000 in the base, and one at each of `recent` in memory. */
const timelineWith = (...recent: readonly number[]): Timeline =>
  settle(
    timelineOf(
      [1_000, ...recent].map((at) => aDeployment({ number: at, at, startedAt: at - 10 })),
      rules,
    ),
    1_000,
  );

describe('a new incident', () => {
  it.each([
    ['soon after a deployment that memory no longer contains', [], 1_100, true],
    ['later than the limit after it', [], 1_101, false],
    ['soon after it, before the next one starts', [1_200], 1_100, true],
    ['while the next one runs', [1_050], 1_045, false],
  ] as const)(
    'that starts %s: the series must be read again: (%j, %i) %s',
    (_when, recent, start, expected) => {
      expect(changesBase(timelineWith(...recent), [incidentAt(start)])).toBe(expected);
    },
  );

  it('needs nothing from the store if no deployment has left memory', () => {
    const whole = timelineOf([aDeployment({ number: 1, at: 1_000 })], rules);
    expect(changesBase(whole, [incidentAt(1_050)])).toBe(false);
  });
});

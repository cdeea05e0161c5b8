import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addKnownTime,
  coverageOf,
  knownSeconds,
  knownTimeOf,
  noKnownTime,
} from '../../../src/core/windows/coverage.ts';

const day = 86_400;
const window = (seconds: number) => ({ name: 'w', seconds });

describe('coverageOf', () => {
  it('never changes again once the window is completely known, or while nothing is known', () => {
    expect(coverageOf(0, window(day), day).validUntil).toBe(Number.POSITIVE_INFINITY);
    expect(coverageOf(null, window(day), day)).toEqual({ ratio: 0, validUntil: Number.POSITIVE_INFINITY });
  });

  it('is the known part rounded down to a thousandth, valid until it grows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20_000 }),
        fc.integer({ min: 0, max: 5_000 }),
        fc.integer({ min: 0, max: 30_000 }),
        (seconds, knownSince, now) => {
          const at = (moment: number) => coverageOf(knownSince, window(seconds), moment);
          const { ratio, validUntil } = at(now);
          const known = Math.min(1, Math.max(0, (now - knownSince) / seconds));
          expect(ratio).toBeLessThanOrEqual(known + 1e-12);
          expect(ratio).toBeGreaterThan(known - 0.001 - 1e-12);
          if (validUntil === Number.POSITIVE_INFINITY) {
            expect(ratio).toBe(1);
            return;
          }
          expect(validUntil).toBeGreaterThan(now);
          expect(Number.isInteger(validUntil)).toBe(true);
          expect(at(validUntil - 1).ratio).toBe(ratio);
          expect(at(validUntil).ratio).toBeGreaterThan(ratio);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('knownTimeOf', () => {
  const known = (knownSince: number | null, now = 100 * day) =>
    knownSeconds(knownTimeOf(knownSince, window(30 * day), now), window(30 * day), now);

  it('is the exact number of known seconds in a window', () => {
    expect([known(null), known(200 * day), known(90 * day + 7), known(10 * day)]).toEqual([
      0,
      0,
      10 * day - 7,
      30 * day,
    ]);
  });

  it('stays right at a later time, as long as the window is not completely known', () => {
    const time = knownTimeOf(90 * day, window(30 * day), 100 * day);
    expect(knownSeconds(time, window(30 * day), 105 * day)).toBe(15 * day);
  });

  it('is the mean over several series', () => {
    const all = [null, 90 * day, 80 * day, 10 * day].map((since) =>
      knownTimeOf(since, window(30 * day), 100 * day),
    );
    const sum = all.reduce((a, b) => addKnownTime(a, b, 1), noKnownTime);
    expect(knownSeconds(sum, window(30 * day), 100 * day)).toBe(((0 + 10 + 20 + 30) / 4) * day);
  });
});

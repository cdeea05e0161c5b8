import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noKnownTime } from '../../../src/core/windows/coverage.ts';
import { createTierWindows, type TierShare } from '../../../src/core/windows/tier-windows.ts';
import { inAscendingOrder, noValues, toValues } from '../../../src/core/windows/values.ts';
import { windowCounts, windowDistributions } from '../../../src/core/windows/window-content.ts';

/** The part of a series in one window: the same number for each count, and the same samples of each kind. */
const content = (count: number, samples: readonly number[] = []) => ({
  known: count,
  counts: windowCounts.map(() => count),
  samples: windowDistributions.map(() => toValues(samples)),
});
const whole = { ...noKnownTime, whole: 1 };
const share = (count: number, samples: readonly number[] = [], coverage = 1): TierShare => ({
  windows: [content(count, samples)],
  coverage: [coverage],
  knownTime: [whole],
});

describe('createTierWindows', () => {
  it('returns the same object until an exchange, and then another one', () => {
    const tier = createTierWindows('production', 1);
    tier.exchange(null, share(1, [5]));
    const before = tier.sample();
    expect(tier.sample()).toBe(before);
    tier.exchange(share(1, [5]), share(2, [5]));
    expect(tier.sample()).not.toBe(before);
    expect(before).toMatchObject({ windows: [content(1, [5])] });
  });

  it('keeps its windows separate', () => {
    const partly = (since: number) => ({ ...noKnownTime, partly: 1, sinceSum: since });
    const tier = createTierWindows('production', 2);
    tier.exchange(null, {
      windows: [content(1, [5]), content(4, [5, 6])],
      coverage: [1, 0.25],
      knownTime: [whole, partly(700)],
    });
    tier.exchange(null, {
      windows: [content(0), content(1, [2])],
      coverage: [1, 0.75],
      knownTime: [whole, partly(100)],
    });
    expect(tier.sample()).toMatchObject({
      windows: [content(1, [5]), content(5, [2, 5, 6])],
      coverage: [1, 0.5],
      knownTime: [
        { ...noKnownTime, whole: 2 },
        { ...noKnownTime, partly: 2, sinceSum: 800 },
      ],
    });
  });

  it('is the sum of the latest parts of all series, after any exchanges', () => {
    const anyShare = fc.option(
      fc.record({
        count: fc.nat({ max: 5 }),
        samples: fc.array(fc.nat({ max: 9 }), { maxLength: 4 }).map((all) => all.sort((a, b) => a - b)),
        thousandths: fc.nat({ max: 1000 }),
      }),
      { nil: null },
    );
    const anyExchange = fc.record({ owner: fc.nat({ max: 3 }), share: anyShare, isRead: fc.boolean() });
    fc.assert(
      fc.property(fc.array(anyExchange, { maxLength: 20 }), (exchanges) => {
        const tier = createTierWindows('production', 1);
        const shares = new Map<number, TierShare>();
        for (const { owner, share: told, isRead } of exchanges) {
          const after = told && share(told.count, told.samples, told.thousandths / 1000);
          tier.exchange(shares.get(owner) ?? null, after);
          if (after) shares.set(owner, after);
          else shares.delete(owner);
          if (isRead) tier.sample();
        }
        const all = [...shares.values()];
        const sample = tier.sample();
        if (all.length === 0) {
          expect(sample).toBeNull();
          return;
        }
        const sum = (of: (one: TierShare) => number) => all.reduce((total, one) => total + of(one), 0);
        const samples = all.flatMap((one) => inAscendingOrder(one.windows[0]?.samples[0] ?? noValues));
        expect(sample?.windows).toEqual([
          content(
            sum((one) => one.windows[0]?.counts[0] ?? 0),
            samples,
          ),
        ]);
        expect(sample?.coverage[0]).toBeCloseTo(sum((one) => one.coverage[0] ?? 0) / all.length, 9);
      }),
      { numRuns: 300 },
    );
  });
});

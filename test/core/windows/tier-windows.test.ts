import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noKnownTime } from '../../../src/core/windows/coverage.ts';
import { createTierWindow, type WindowShare } from '../../../src/core/windows/tier-windows.ts';
import { inAscendingOrder, noValues, toValues } from '../../../src/core/windows/values.ts';
import { windowCounts, windowDistributions } from '../../../src/core/windows/window-content.ts';

/** The part of a series in one window: the same number for each count, and the same samples of each kind. */
const content = (count: number, samples: readonly number[] = []) => ({
  known: count,
  counts: windowCounts.map(() => count),
  samples: windowDistributions.map(() => toValues(samples)),
});
const whole = { ...noKnownTime, whole: 1 };
const share = (count: number, samples: readonly number[] = [], coverage = 1): WindowShare => ({
  ...content(count, samples),
  ...{ coverage, knownTime: whole },
});

describe('createTierWindow', () => {
  it('returns the same object until an exchange, and then another one', () => {
    const tier = createTierWindow();
    tier.exchange(null, share(1, [5]));
    const before = tier.sample();
    expect(tier.sample()).toBe(before);
    tier.exchange(share(1, [5]), share(2, [5]));
    expect(tier.sample()).not.toBe(before);
    expect(before).toMatchObject(content(1, [5]));
  });

  it('adds up the known time of its series', () => {
    const since = (moment: number) => ({ ...noKnownTime, partly: 1, sinceSum: moment });
    const tier = createTierWindow();
    tier.exchange(null, { ...share(1), knownTime: whole });
    tier.exchange(null, { ...share(1), knownTime: since(700) });
    tier.exchange(null, { ...share(1), knownTime: since(100) });
    expect(tier.sample()?.knownTime).toEqual({ ...noKnownTime, whole: 1, partly: 2, sinceSum: 800 });
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
        const tier = createTierWindow();
        const shares = new Map<number, WindowShare>();
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
        const sum = (of: (one: WindowShare) => number) => all.reduce((total, one) => total + of(one), 0);
        const samples = all.flatMap((one) => inAscendingOrder(one.samples[0] ?? noValues));
        const counted = sum((one) => one.counts[0] ?? 0);
        expect(sample).toMatchObject(content(counted, samples));
        expect(sample?.coverage).toBeCloseTo(sum((one) => one.coverage) / all.length, 9);
      }),
      { numRuns: 300 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createValuesDraft,
  inAscendingOrder,
  quantileOf,
  runsBeyond,
  toValues,
  type Values,
} from '../../../src/core/windows/values.ts';
import { percentileCont } from '../../support/dora-oracle.ts';

describe('quantileOf', () => {
  it.each<[string, readonly number[], number, number | null]>([
    ['of nothing', [], 0.5, null],
    ['the value itself for one value', [7], 0.95, 7],
    ['the middle one of three', [1, 5, 100], 0.5, 5],
    ['the middle between the two middle ones of four', [10, 20, 40, 50], 0.5, 30],
    ['the 95th percentile of two, near the upper one', [0, 100], 0.95, 95],
    // Row 1 + 0.95 * 9 = 9.55: between 9 and 10.
    ['the 95th percentile of ten', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95, 9.55],
    [
      'the 95th percentile of twenty-one, which is one of them',
      Array.from({ length: 21 }, (_, i) => i),
      0.95,
      19,
    ],
    ['the minimum', [3, 8, 9], 0, 3],
    ['the maximum', [3, 8, 9], 1, 9],
    ['the value itself for equal values', [4, 4, 4, 4], 0.95, 4],
  ])('gives %s', (_, sorted, q, expected) => {
    const told = quantileOf(toValues(sorted), q);
    if (expected === null) expect(told).toBeNull();
    else expect(told).toBeCloseTo(expected, 9);
  });

  it('agrees with the definition of percentile_cont, by rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1),
        (values, q) => {
          expect(quantileOf(toValues(values), q)).toBeCloseTo(percentileCont(values, q) ?? Number.NaN, 4);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is the same for any division of the values into runs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 80 }), {
          maxLength: 9,
        }),
        fc.constantFrom(0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1),
        (parts, q) => {
          const all = toValues(parts.flat());
          const draft = createValuesDraft();
          for (const part of parts) draft.add(toValues(part));
          const joined = draft.finish();
          expect(joined.count).toBe(all.count);
          expect(inAscendingOrder(joined)).toEqual(inAscendingOrder(all));
          const inRuns: Values = { runs: parts.flatMap((part) => toValues(part).runs), count: all.count };
          for (const values of [joined, inRuns]) expect(quantileOf(values, q)).toBe(quantileOf(all, q));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('runsBeyond', () => {
  it('excludes the runs that both share', () => {
    const [shared, old, next] = [[1, 2], [3], [3]];
    const a = { runs: [shared, old], count: 3 };
    const b = { runs: [next, shared], count: 3 };
    expect(runsBeyond(a, b)).toEqual([old]);
    expect(runsBeyond(b, a)[0]).toBe(next);
    expect(runsBeyond(a, toValues([]))).toEqual([shared, old]);
    expect(runsBeyond(a, a)).toEqual([]);
  });
});

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
  it('gives nothing of nothing', () => {
    expect(quantileOf(toValues([]), 0.5)).toBeNull();
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

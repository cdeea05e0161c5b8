import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSortedBag } from '../../../src/core/windows/sorted-multiset.ts';
import { inAscendingOrder, toValues, type Values } from '../../../src/core/windows/values.ts';

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('createSortedBag', () => {
  it('returns the same values until the next exchange, which does not change them', () => {
    const bag = createSortedBag();
    bag.exchange(toValues([]), toValues([1, 2]));
    const before = bag.values();
    expect(bag.values()).toBe(before);
    bag.exchange(toValues([1]), toValues([7]));
    expect(inAscendingOrder(bag.values())).toEqual([2, 7]);
    expect(inAscendingOrder(before)).toEqual([1, 2]);
  });

  it('gives the same values as a new sort of all numbers', () => {
    const anyShare = fc.array(fc.integer({ min: 3, max: 12 }), { maxLength: 5 });
    const anyExchange = fc.record({
      owner: fc.nat({ max: 3 }),
      share: anyShare,
      keepsRuns: fc.boolean(),
      isRead: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyExchange, { maxLength: 25 }), (exchanges) => {
        const bag = createSortedBag();
        const shares = new Map<number, Values>();
        const all = () => sorted([...shares.values()].flatMap(inAscendingOrder));
        for (const { owner, share, keepsRuns, isRead } of exchanges) {
          const before = shares.get(owner) ?? toValues([]);
          // Some keep runs of the values before, as a moving window does.
          const added = toValues(share);
          const kept = keepsRuns ? before.runs : [];
          const runs = [...kept, ...added.runs];
          const after = { runs, count: runs.flat().length };
          bag.exchange(before, after);
          shares.set(owner, after);
          if (isRead) expect(inAscendingOrder(bag.values())).toEqual(all());
        }
        expect(inAscendingOrder(bag.values())).toEqual(all());
      }),
      { numRuns: 500 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSortedBag } from '../../../src/core/windows/sorted-multiset.ts';
import { inAscendingOrder, toValues, type Values } from '../../../src/core/windows/values.ts';

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('createSortedBag', () => {
  it('is empty at first', () => {
    expect(inAscendingOrder(createSortedBag().values())).toEqual([]);
  });

  it('contains equal numbers as often as they were added', () => {
    const bag = createSortedBag();
    bag.exchange(toValues([]), toValues([3, 3, 5]));
    bag.exchange(toValues([3]), toValues([1, 3]));
    expect(inAscendingOrder(bag.values())).toEqual([1, 3, 3, 5]);
  });

  it('removes numbers that were added since the last read', () => {
    const bag = createSortedBag();
    bag.exchange(toValues([]), toValues([2, 10]));
    bag.exchange(toValues([10]), toValues([9]));
    expect(inAscendingOrder(bag.values())).toEqual([2, 9]);
  });

  it('sorts numbers by value, not as text', () => {
    const bag = createSortedBag();
    bag.exchange(toValues([]), toValues([9, 10, 100]));
    bag.exchange(toValues([]), toValues([2, 20]));
    expect(inAscendingOrder(bag.values())).toEqual([2, 9, 10, 20, 100]);
  });

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
    const anyShare = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 5 });
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

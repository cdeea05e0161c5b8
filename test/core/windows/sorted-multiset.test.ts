import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSortedBag } from '../../../src/core/windows/sorted-multiset.ts';

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('createSortedBag', () => {
  it('is empty at first', () => {
    expect(createSortedBag().values()).toEqual([]);
  });

  it('holds equal numbers as often as they were added', () => {
    const bag = createSortedBag();
    bag.exchange([], [3, 3, 5]);
    bag.exchange([3], [1, 3]);
    expect(bag.values()).toEqual([1, 3, 3, 5]);
  });

  it('takes out what was added since it was last read', () => {
    const bag = createSortedBag();
    bag.exchange([], [2, 10]);
    bag.exchange([10], [9]);
    expect(bag.values()).toEqual([2, 9]);
  });

  it('sorts as numbers, not as texts', () => {
    const bag = createSortedBag();
    bag.exchange([], [9, 10, 100]);
    bag.exchange([], [2, 20]);
    expect(bag.values()).toEqual([2, 9, 10, 20, 100]);
  });

  it('gives the same values until the next exchange, and leaves them as they are then', () => {
    const bag = createSortedBag();
    bag.exchange([], [1, 2]);
    const before = bag.values();
    expect(bag.values()).toBe(before);
    bag.exchange([1], [7]);
    expect(bag.values()).toEqual([2, 7]);
    expect(before).toEqual([1, 2]);
  });

  it('is what sorting all of it anew comes to', () => {
    const anyShare = fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 5 });
    const anyExchange = fc.record({ owner: fc.nat({ max: 3 }), share: anyShare, isRead: fc.boolean() });
    fc.assert(
      fc.property(fc.array(anyExchange, { maxLength: 25 }), (exchanges) => {
        const bag = createSortedBag();
        const shares = new Map<number, readonly number[]>();
        for (const { owner, share, isRead } of exchanges) {
          bag.exchange(shares.get(owner) ?? [], sorted(share));
          shares.set(owner, sorted(share));
          if (isRead) expect(bag.values()).toEqual(sorted([...shares.values()].flat()));
        }
        expect(bag.values()).toEqual(sorted([...shares.values()].flat()));
      }),
      { numRuns: 500 },
    );
  });
});

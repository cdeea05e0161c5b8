import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommitSet,
  carryCommits,
  commitKey,
  hasCommit as hasKey,
  noCommits,
  shareTable,
  withCommits as withKeys,
} from '../../src/core/commit-set.ts';

const hasCommit = (set: CommitSet, id: string) => hasKey(set, commitKey(id));
const withCommits = (set: CommitSet, ids: readonly string[]) => withKeys(set, ids.map(commitKey));

const alphabet = ['a', 'b', 'c', 'd', 'e', '', '__proto__', 'constructor'];

describe('withCommits', () => {
  it('returns the same set if no commit is new', () => {
    const one = withCommits(noCommits, ['a', 'b']);
    expect(withCommits(one, ['b', 'a', 'b'])).toBe(one);
    expect(withCommits(one, [])).toBe(one);
  });

  it('shares the table of the old set, even if the same commits are added again', () => {
    const one = withCommits(noCommits, ['a']);
    const two = withCommits(one, ['b', 'c']);
    expect(two.table).toBe(one.table);
    expect(withCommits(one, ['b', 'c', 'd']).table).toBe(one.table);
    const other = withCommits(one, ['x']);
    expect(other.table).not.toBe(one.table);
    expect(withCommits(shareTable(one, other), ['x', 'y']).table).toBe(other.table);
  });

  it('behaves as a set, whichever sets it grows from and whichever table it uses', () => {
    const many = Array.from({ length: 60 }, (_, index) => `commit-${index}`);
    const anyGrowth = fc.record({
      /** Index of the earlier set from which it grows. */
      from: fc.nat({ max: 30 }),
      ids: fc.array(fc.constantFrom(...alphabet, ...many), { maxLength: 12 }),
      isShared: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyGrowth, { maxLength: 20 }), (growths) => {
        const pairs: { grown: CommitSet; model: Set<string> }[] = [{ grown: noCommits, model: new Set() }];
        for (const { from, ids, isShared } of growths) {
          const start = pairs[from % pairs.length];
          if (!start) throw new Error('There is always one to grow from');
          const grown = withCommits(start.grown, ids);
          pairs.push({ grown, model: new Set([...start.model, ...ids]) });
          if (isShared) start.grown = shareTable(start.grown, grown);
        }
        for (const { grown, model } of pairs) {
          const all = [...alphabet, ...many];
          expect(all.filter((id) => hasCommit(grown, id))).toEqual(all.filter((id) => model.has(id)));
          expect(grown.size).toBe(model.size);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('holds a hundred thousand commits in less than 40 bytes each', () => {
    let set = noCommits;
    for (let index = 0; index < 100_000; index++)
      set = withCommits(set, [index.toString(16).padStart(40, '0')]);
    const { keys, slots } = set.table;
    expect(set.size).toBe(100_000);
    expect((keys.byteLength + slots.byteLength) / set.size).toBeLessThan(40);
    expect(hasCommit(set, (5).toString(16).padStart(40, '0'))).toBe(true);
    expect(hasCommit(set, 'f'.repeat(40))).toBe(false);
  });
});

describe('carryCommits', () => {
  it('adds the keys that only the new set has, unless a later set gets them or the new set lacks one', () => {
    const some = fc.array(fc.constantFrom(...'abcdefgh'), { maxLength: 5 });
    const seen = { carried: 0, refused: 0 };
    fc.assert(
      fc.property(
        some,
        fc.array(some, { maxLength: 3 }),
        some,
        fc.nat({ max: 8 }),
        (first, growths, more, kept) => {
          const grown = [withCommits(noCommits, ['0', ...first])];
          for (const growth of growths) grown.push(withCommits(grown.at(-1) ?? noCommits, growth));
          const last = grown.at(-1) ?? noCommits;
          const later = grown.map((one) => shareTable(one, last));
          // It grows from a part of the first set, in another order.
          const part = { table: last.table, size: Math.min(kept, later[0]?.size ?? 0) };
          const set = withCommits(part, [...more, ...first.toReversed(), ...(kept > 2 ? ['0'] : [])]);
          const members = (one: CommitSet) => [...'0abcdefgh'].filter((id) => hasCommit(one, id));
          const [own, before] = [members(set), members(later[0] ?? noCommits)];
          const added = own.filter((id) => !before.includes(id));
          const mayCarry = before.every((id) => own.includes(id)) && !added.some((id) => hasCommit(last, id));
          const carried = carryCommits(set, later);
          seen[carried ? 'carried' : 'refused']++;
          expect(carried !== null).toBe(mayCarry);
          for (const [index, one] of (carried ?? []).entries()) {
            expect(members(one)).toEqual(
              [...new Set([...members(later[index] ?? noCommits), ...added])].sort(),
            );
            expect(one.size).toBe(members(one).length);
            // All can share a table, and each can grow.
            expect(members(withCommits(one, ['h', 'x']))).toEqual(
              [...new Set([...members(one), 'h'])].sort(),
            );
            expect(members(shareTable(set, carried?.at(-1) ?? set))).toEqual(own);
          }
        },
      ),
      { numRuns: 1000 },
    );
    expect(Math.min(seen.carried, seen.refused)).toBeGreaterThan(20);
  });

  it('adds a key that the table has already, from a set that was thrown away', () => {
    const one = withCommits(noCommits, ['a']);
    withCommits(one, ['b']);
    const again = withCommits(one, ['b']);
    expect(again.table).toBe(one.table);
    const [carried] = carryCommits(again, [one]) ?? [];
    expect(carried && hasCommit(carried, 'b')).toBe(true);
  });
});

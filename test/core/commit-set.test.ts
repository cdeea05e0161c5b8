import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommitSet,
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
  it('adds commits to a new set and leaves the old set unchanged', () => {
    const one = withCommits(noCommits, ['a']);
    const two = withCommits(one, ['b']);
    expect([noCommits, one, two].map((set) => ['a', 'b'].map((id) => hasCommit(set, id)))).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
  });

  it('returns the same set if no commit is new', () => {
    const one = withCommits(noCommits, ['a', 'b']);
    expect(withCommits(one, ['b', 'a', 'b'])).toBe(one);
    expect(withCommits(one, [])).toBe(one);
  });

  it('keeps two sets apart that grow from the same set', () => {
    const trunk = withCommits(noCommits, ['a']);
    const left = withCommits(trunk, ['b']);
    const right = withCommits(trunk, ['c']);
    const farLeft = withCommits(left, ['d']);
    const has = (set: CommitSet) => alphabet.filter((id) => hasCommit(set, id));
    expect([has(left), has(right), has(farLeft)]).toEqual([
      ['a', 'b'],
      ['a', 'c'],
      ['a', 'b', 'd'],
    ]);
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

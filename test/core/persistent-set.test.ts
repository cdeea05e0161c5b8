import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptySet, type GrowingSet, isIn, withTexts } from '../../src/core/persistent-set.ts';

const alphabet = ['a', 'b', 'c', 'd', 'e', '', '__proto__', 'constructor'];

describe('withTexts', () => {
  it('adds to a new value and leaves the one before as it was', () => {
    const one = withTexts(emptySet, ['a']);
    const two = withTexts(one, ['b']);
    expect([isIn(emptySet, 'a'), isIn(one, 'a'), isIn(one, 'b'), isIn(two, 'a'), isIn(two, 'b')]).toEqual([
      false,
      true,
      false,
      true,
      true,
    ]);
  });

  it('is the same set where nothing is new', () => {
    const one = withTexts(emptySet, ['a', 'b']);
    expect(withTexts(one, ['b', 'a', 'b'])).toBe(one);
    expect(withTexts(one, [])).toBe(one);
  });

  it('keeps apart what grows from one set in two ways', () => {
    const trunk = withTexts(emptySet, ['a']);
    const left = withTexts(trunk, ['b']);
    const right = withTexts(trunk, ['c']);
    const farLeft = withTexts(left, ['d']);
    expect(alphabet.filter((text) => isIn(left, text))).toEqual(['a', 'b']);
    expect(alphabet.filter((text) => isIn(right, text))).toEqual(['a', 'c']);
    expect(alphabet.filter((text) => isIn(farLeft, text))).toEqual(['a', 'b', 'd']);
  });

  it('shares what it holds with the set that it grew from', () => {
    const texts = Array.from({ length: 1000 }, (_, index) => `text ${index}`);
    const before = withTexts(emptySet, texts);
    const after = withTexts(before, ['one more']);
    expect(after.root.filter((node, slot) => node === before.root[slot])).toHaveLength(15);
  });

  it('is the same value in whatever order it grew', () => {
    const texts = Array.from({ length: 1000 }, (_, index) => `text ${index}`);
    expect(withTexts(emptySet, texts)).toEqual(withTexts(emptySet, texts.toReversed()));
  });

  it('keeps apart texts of the same hash', () => {
    // FNV-1a gives both 0x5e4daa9d.
    const pair = ['costarring', 'liquid'];
    const set = withTexts(emptySet, pair);
    expect([set.size, isIn(set, 'costarring'), isIn(set, 'liquid'), isIn(set, 'other')]).toEqual([
      2,
      true,
      true,
      false,
    ]);
    expect(withTexts(emptySet, pair.toReversed())).toEqual(set);
    expect(withTexts(set, pair)).toBe(set);
  });

  it('is a set, however sets grow from one another', () => {
    const anyGrowth = fc.record({
      /** Which of the sets so far it grows from. */
      from: fc.nat({ max: 30 }),
      texts: fc.array(fc.constantFrom(...alphabet), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(anyGrowth, { maxLength: 20 }), (growths) => {
        const pairs: { grown: GrowingSet; model: Set<string> }[] = [{ grown: emptySet, model: new Set() }];
        for (const { from, texts } of growths) {
          const start = pairs[from % pairs.length];
          if (!start) throw new Error('There is always one to grow from');
          pairs.push({
            grown: withTexts(start.grown, texts),
            model: new Set([...start.model, ...texts]),
          });
        }
        for (const { grown, model } of pairs) {
          expect(alphabet.filter((text) => isIn(grown, text))).toEqual(
            alphabet.filter((text) => model.has(text)),
          );
          expect(grown.size).toBe(model.size);
        }
      }),
      { numRuns: 500 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { createKeptBeside } from '../../src/core/kept-beside.ts';

describe('a value that is kept beside an object', () => {
  const lengths = createKeptBeside<{ readonly name: string }, number>('length');

  it('is found again for the same object only', () => {
    const [shop, other] = [{ name: 'shop' }, { name: 'shop' }];
    lengths.set(shop, 4);
    expect([lengths.get(shop), lengths.get(other)]).toEqual([4, undefined]);
  });

  it('is replaced, and taken away', () => {
    const shop = { name: 'shop' };
    lengths.set(shop, 4);
    lengths.set(shop, 5);
    expect(lengths.get(shop)).toBe(5);
    lengths.set(shop, undefined);
    expect(lengths.get(shop)).toBeUndefined();
  });

  it('is hidden from copies, comparisons and JSON', () => {
    const shop = { name: 'shop' };
    lengths.set(shop, 4);
    expect(shop).toStrictEqual({ name: 'shop' });
    expect(JSON.stringify(shop)).toBe('{"name":"shop"}');
    expect(lengths.get({ ...shop })).toBeUndefined();
  });

  it('is apart from other values of the same name', () => {
    const shop = { name: 'shop' };
    lengths.set(shop, 4);
    expect(createKeptBeside<object, number>('length').get(shop)).toBeUndefined();
  });
});

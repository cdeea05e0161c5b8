import { describe, expect, it } from 'vitest';
import { mostJsonValues, parseJson } from '../../src/util/parse-json.ts';

const million = 1024 * 1024;
const kindOf = (text: string) => parseJson(Buffer.from(text)).kind;

describe('parseJson', () => {
  it('gives the value', () => {
    expect(parseJson(Buffer.from('{"a": [1, "ü", null]}'))).toEqual({
      kind: 'value',
      value: { a: [1, 'ü', null] },
    });
  });

  it.each(['', '{', '[1,]', '"open', '{"a":1}}', 'NaN'])('refuses %j as no JSON', (text) => {
    expect(kindOf(text)).toBe('not_json');
  });

  it.each(['['.repeat(million), '{"a":'.repeat(200_000), `[${'"'.repeat(million)}`])(
    'refuses unfinished text as no JSON, however long it is',
    (text) => {
      expect(kindOf(text)).toBe('not_json');
    },
  );

  it('refuses bytes that are no UTF-8', () => {
    expect(parseJson(Buffer.from([0x22, 0xc3, 0x28, 0x22])).kind).toBe('not_json');
  });

  it.each([
    ['lists in lists', '['.repeat(million / 2) + ']'.repeat(million / 2)],
    ['objects in objects', `${'{"a":'.repeat(170_000)}1${'}'.repeat(170_000)}`],
    ['a list of numbers', `[${'1,'.repeat(500_000)}1]`],
    ['a list of objects', `[${'{},'.repeat(300_000)}{}]`],
    ['an object of many keys', `{${Array.from({ length: 80_000 }, (_, i) => `"${i}":1`).join(',')}}`],
    ['many objects in a row', '{}'.repeat(million / 2)],
  ])('refuses %s, which would take long to parse', (_, text) => {
    expect(kindOf(text)).toBe('too_many_values');
  });

  it('accepts as many values as its limit, and no more', () => {
    const list = (values: number) => `[${Array(values).fill('0').join(',')}]`;
    expect(kindOf(list(mostJsonValues - 1))).toBe('value');
    expect(kindOf(list(mostJsonValues))).toBe('too_many_values');
  });

  it('accepts one long text, whatever it contains', () => {
    const text = JSON.stringify({ message: '[{,"\\'.repeat(100_000) });
    expect(kindOf(text)).toBe('value');
  });
});

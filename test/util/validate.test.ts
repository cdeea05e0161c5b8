import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseFields } from '../../src/util/validate.ts';

const digits = z.union([
  z.number().int().nonnegative(),
  z.string().regex(/^\d+$/, 'Expected digits').transform(Number),
]);
const schema = z.strictObject({
  text: z.string().min(1).max(5).optional(),
  count: z.number().int().positive().optional(),
  number: digits.optional(),
  flag: z.boolean().nullish(),
  list: z.array(z.string()).min(1).optional(),
  object: z.object({ name: z.string() }).optional(),
  window: z.enum(['7d', '30d', '90d']).optional(),
  dry_run: z.boolean().optional(),
});

describe('parseFields', () => {
  it('returns the value that the schema makes', () => {
    expect(parseFields(schema, { text: 'a', number: '12' })).toEqual({
      ok: true,
      value: { text: 'a', number: 12 },
    });
  });

  it.each<[unknown, string, string]>([
    [{ text: 7 }, 'text', 'Expected text, given 7'],
    [{ text: null }, 'text', 'Expected text, given null'],
    [{ text: {} }, 'text', 'Expected text, given an object'],
    [{ text: [] }, 'text', 'Expected text, given a list'],
    [{ text: '' }, 'text', 'Expected text, given an empty one'],
    [{ text: 'secret' }, 'text', 'Expected at most 5 characters'],
    [{ count: 'secret' }, 'count', 'Expected a number, given text'],
    [{ count: 3.5 }, 'count', 'Expected a whole number, given 3.5'],
    [{ count: 0 }, 'count', 'Expected a number above 0, given 0'],
    [{ count: 2 ** 53 }, 'count', 'Expected a number of at most 9007199254740991, given another'],
    [{ number: 3.5 }, 'number', 'Expected a whole number, given 3.5'],
    [{ number: -1 }, 'number', 'Expected a number of at least 0, given -1'],
    [{ number: 1.123456789012 }, 'number', 'Expected a whole number, given another'],
    [{ number: 'secret' }, 'number', 'Expected digits'],
    [{ number: true }, 'number', 'Expected a number or text, given true'],
    [{ flag: 'yes' }, 'flag', 'Expected true or false, given text'],
    [{ list: 'a' }, 'list', 'Expected a list, given text'],
    [{ list: [] }, 'list', 'Expected at least one, given none'],
    [{ list: ['a', 7] }, 'list.1', 'Expected text, given 7'],
    [{ object: [] }, 'object', 'Expected an object, given a list'],
    [{ object: {} }, 'object.name', 'Missing'],
    [{ window: '31d' }, 'window', 'Expected one of 7d, 30d, 90d'],
    [[], '', 'Expected an object, given a list'],
    [undefined, '', 'Missing'],
    [{ dry_runn: true }, '', 'Unknown key dry_runn, did you mean dry_run?'],
    [{ secret: true }, '', 'Unknown key secret'],
    [{ dry: true, windw: '7d' }, '', 'Unknown key dry; unknown key windw, did you mean window?'],
    [{ ['x'.repeat(200)]: 1 }, '', `Unknown key ${'x'.repeat(40)}…`],
    [
      Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((n) => [`${n}${n}${n}`, n])),
      '',
      'Unknown key 111; unknown key 222; unknown key 333; unknown key 444; unknown key 555; and 2 more',
    ],
  ])('describes the mistake of %j at "%s" in plain words', (value, path, message) => {
    expect(parseFields(schema, value)).toEqual({ ok: false, errors: [{ path, message }] });
  });

  it.each<[string, z.ZodType, string]>([
    ['a union', z.object({ n: digits }), 'Missing'],
    ['one of some words', z.object({ n: z.enum(['7d', '30d']) }), 'Missing, expected one of 7d, 30d'],
    ['a single word', z.object({ n: z.literal('7d') }), 'Missing, expected 7d'],
    ['text', z.object({ n: z.string() }), 'Missing'],
  ])('says that %s is missing', (_, required, message) => {
    expect(parseFields(required, {})).toEqual({ ok: false, errors: [{ path: 'n', message }] });
  });

  it("keeps a schema's own messages, and reports every mistake", () => {
    const own = z.object({ a: z.string('Expected a name'), b: z.number() });
    expect(parseFields(own, { a: 1, b: '1' })).toEqual({
      ok: false,
      errors: [
        { path: 'a', message: 'Expected a name' },
        { path: 'b', message: 'Expected a number, given text' },
      ],
    });
  });
});

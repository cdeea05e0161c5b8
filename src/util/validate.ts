/**
 * Checks a value from outside against a schema. Reports every mistake with its path, in words for the sender.
 *
 * It quotes only the type of a value, or a short number: the value may be long, or a secret.
 */

import { z } from 'zod';
import { closest } from './did-you-mean.ts';

export interface FieldError {
  /** Keys and list positions, joined by dots; empty for the whole value. */
  readonly path: string;
  readonly message: string;
}

export type ParsedFields<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

const mostReportedKeys = 5;
const longestReportedKey = 40;
const longestReportedNumber = 12;

/** Checks a value. Unlike the schema alone, reports one mistake for a value of a wrong type. */
export function parseFields<T>(schema: z.ZodType<T>, value: unknown): ParsedFields<T> {
  const parsed = schema.safeParse(value, { error: describeIssue });
  if (parsed.success) return { ok: true, value: parsed.data };
  const ofWrongType = new Set<string>();
  const errors = parsed.error.issues.flatMap(({ code, message, ...issue }) => {
    const path = issue.path.join('.');
    // The schema reports a list in place of a text as too short, too.
    if (ofWrongType.has(path)) return [];
    if (code === 'invalid_type') ofWrongType.add(path);
    return [{ path, message }];
  });
  return { ok: false, errors };
}

/** Describes a mistake for which the schema has no words. */
export const describeIssue: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return expectation(nounOf(issue.expected), issue.input);
    case 'invalid_value': {
      const words = issue.values.map(String).join(', ');
      const expected = issue.values.length === 1 ? words : `one of ${words}`;
      return issue.input === undefined ? `Missing, expected ${expected}` : `Expected ${expected}`;
    }
    case 'invalid_union':
      return describeUnion(issue.errors, issue.input);
    case 'too_small':
      if (issue.origin === 'string') return 'Expected text, given an empty one';
      if (issue.origin === 'array') return 'Expected at least one, given none';
      return expectation(
        `a number ${issue.inclusive ? 'of at least' : 'above'} ${issue.minimum}`,
        issue.input,
      );
    case 'too_big':
      if (issue.origin === 'string') return `Expected at most ${issue.maximum} characters`;
      return expectation(
        `a number ${issue.inclusive ? 'of at most' : 'below'} ${issue.maximum}`,
        issue.input,
      );
    case 'unrecognized_keys':
      return describeUnknown(
        issue.keys,
        issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [],
      );
    default:
      return undefined;
  }
};

/** The mistake of the value for the kind whose type it has; the names of all kinds if it has none of their types. */
function describeUnion(kinds: readonly (readonly z.core.$ZodIssue[])[], input: unknown): string {
  const others: string[] = [];
  for (const [issue] of kinds) {
    if (issue?.code !== 'invalid_type') {
      if (issue) return issue.message;
    } else if (typeOf(input) === typeExpected(issue.expected)) {
      return issue.message;
    } else {
      others.push(nounOf(issue.expected));
    }
  }
  return expectation(others.join(' or '), input);
}

function describeUnknown(keys: readonly string[], known: readonly string[]): string {
  const reported = keys.slice(0, mostReportedKeys).map((key, index) => {
    const meant = closest(key, known);
    const shown = key.length > longestReportedKey ? `${key.slice(0, longestReportedKey)}…` : key;
    return `${index === 0 ? 'Unknown' : 'unknown'} key ${shown}${meant === null ? '' : `, did you mean ${meant}?`}`;
  });
  const more = keys.length - reported.length;
  return [...reported, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

function expectation(expected: string, input: unknown): string {
  return input === undefined ? 'Missing' : `Expected ${expected}, given ${given(input)}`;
}

function given(input: unknown): string {
  switch (typeof input) {
    case 'boolean':
      return String(input);
    case 'number':
      return String(input).length > longestReportedNumber ? 'another' : String(input);
    case 'string':
      return 'text';
    default:
      return input === null ? 'null' : nounOf(typeOf(input));
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
};

function nounOf(type: string): string {
  return nouns[type] ?? type;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}

function typeExpected(expected: string): string {
  return expected === 'int' ? 'number' : expected;
}

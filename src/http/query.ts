/** Checks the queries of requests: the fields that several routes have, and the answer to a mistake. */

import type { Context } from 'hono';
import { z } from 'zod';
import type { Window } from '../core/policy.ts';
import { parseFields } from '../util/validate.ts';
import { problem } from './problem.ts';

/** Length of a list if the query does not limit it. */
export const usualLimit = 500;
const longestList = 1_000;

/** Most items of a list. */
export const Limit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, `Expected a number from 1 to ${longestList}`)
  .transform(Number)
  .refine((limit) => limit <= longestList, `Expected a number from 1 to ${longestList}`);

/** A window, given by its name. `usual`: the window of a query without a name; if it is omitted, the name is required. */
export function windowOf(windows: readonly Window[], usual?: Window) {
  const name = z.enum(windows.map((window) => window.name));
  return (usual ? name.default(usual.name) : name).transform(
    (given) => windows.find((window) => window.name === given) ?? z.NEVER,
  );
}

/**
 * The parsed query, or a problem with each mistake and the allowed values. `dropsEmpty`: omits empty fields, since a form
 * sends them.
 */
export function readQuery<T>(
  c: Context,
  schema: z.ZodType<T>,
  { dropsEmpty = false }: { readonly dropsEmpty?: boolean } = {},
): T | Response {
  const given = Object.entries(c.req.query());
  const fields = Object.fromEntries(dropsEmpty ? given.filter(([, value]) => value !== '') : given);
  const parsed = parseFields(schema, fields);
  return parsed.ok
    ? parsed.value
    : problem(422, { detail: 'Query is not as expected', errors: parsed.errors });
}

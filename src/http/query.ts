/** Checks the queries of requests with a schema. */

import type { Context } from 'hono';
import type { z } from 'zod';
import { parseFields } from '../util/validate.ts';
import { problem } from './problem.ts';

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

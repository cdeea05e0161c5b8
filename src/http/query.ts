/** Queries of requests, checked with a schema. */

import type { Context } from 'hono';
import type { z } from 'zod';
import { parseFields } from '../util/validate.ts';
import { problem } from './problem.ts';

/** The query as the schema has it; else a problem that says what is wrong, and what there is to choose from. */
export function readQuery<T>(c: Context, schema: z.ZodType<T>): T | Response {
  const parsed = parseFields(schema, c.req.query());
  return parsed.ok
    ? parsed.value
    : problem(422, { detail: 'Query is not as expected', errors: parsed.errors });
}

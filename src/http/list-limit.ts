/** Schema of the most items of a list, in a request. */

import { z } from 'zod';

export const usualLimit = 500;
const longestList = 1_000;

export const Limit = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, `Expected a number from 1 to ${longestList}`)
  .transform(Number)
  .refine((limit) => limit <= longestList, `Expected a number from 1 to ${longestList}`);

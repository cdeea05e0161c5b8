/** A moment in a request: an ISO 8601 time, or how long ago. */

import { z } from 'zod';
import { parseDurationSeconds } from '../util/duration.ts';

/** From the text to Unix seconds; `now` and `ageless`, what an age of 0 stands for, in Unix seconds. */
export const moment = (now: number, ageless = now) =>
  z.string().transform((text, context) => {
    const ago = parseDurationSeconds(text);
    if (ago !== null) return ago === 0 ? ageless : now - ago;
    const at = z.iso.datetime({ offset: true }).safeParse(text).success ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(at)) return Math.floor(at / 1000);
    context.addIssue({
      code: 'custom',
      message: 'Expected a time such as 2026-01-01T00:00:00Z, or an age such as 180d',
    });
    return z.NEVER;
  });

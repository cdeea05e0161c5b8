/** A moment in a request. */

import { z } from 'zod';
import { parseDurationSeconds } from '../util/duration.ts';
import { momentWords, parseMoment } from '../util/moment.ts';

/** From the text to Unix seconds; so are `now` and `ageless`, the meaning of an age of 0. */
export const moment = (now: number, ageless = now) =>
  z.string().transform((text, context) => {
    const at = parseDurationSeconds(text) === 0 ? ageless : parseMoment(text, now);
    if (at !== null) return at;
    context.addIssue({ code: 'custom', message: `Expected ${momentWords}` });
    return z.NEVER;
  });

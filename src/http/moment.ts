/** Schema of a time in a request. */

import { z } from 'zod';
import { parseDurationSeconds } from '../util/duration.ts';
import { momentWords, parseMoment } from '../util/moment.ts';

/** Parses the text to Unix seconds. `now`: Unix seconds. `ageless`: the Unix seconds of an age of 0. */
export const moment = (now: number, ageless = now) =>
  z.string().transform((text, context) => {
    const at = parseDurationSeconds(text) === 0 ? ageless : parseMoment(text, now);
    if (at !== null) return at;
    context.addIssue({ code: 'custom', message: `Expected ${momentWords}` });
    return z.NEVER;
  });

/** Like `moment`, but not later than `now`. Ages count back from `reference`. */
export const pastMoment = (now: number, reference = now) =>
  moment(reference).refine((at) => at >= 0 && at <= now, 'Expected a time from 1970 to now');

/** The end of a window; `undefined`: now. A form sends an empty field if no day is picked. */
export const windowEnd = (now: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' ? endOfDay(given, now) : given),
    pastMoment(now).optional(),
  );

/** The earliest zone begins a day this long before UTC. */
const earliestZoneSeconds = 14 * 3600;

/**
 * Replaces a day by its end, so that the window contains the day. Replaces a day that has not ended in UTC by `undefined`,
 * if it has begun in some zone. Returns other texts unchanged.
 */
function endOfDay(text: string, now: number): string | undefined {
  if (text === '') return undefined;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return text;
  const [start, end] = ['00:00:00', '23:59:59'].map((time) => Date.parse(`${text}T${time}Z`) / 1000);
  if (start === undefined || end === undefined || !(start <= now + earliestZoneSeconds)) return text;
  return end <= now ? `${text}T23:59:59Z` : undefined;
}

/** To the minute, as pages write moments: a link with an age is then worked out once a minute. */
export function toMinute(at: number): number {
  return Math.floor(at / 60) * 60;
}

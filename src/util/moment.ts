/** Parses times as people write them: a day, a time, or an age. */

import { z } from 'zod';
import { parseDurationSeconds } from './duration.ts';

/** The forms that `parseMoment` accepts. */
export const momentWords = 'a time such as 2026-01-01 or 2026-01-01T12:00:00Z, or an age such as 180d';

const time = z.union([z.iso.date(), z.iso.datetime({ offset: true })]);

/** The Unix seconds of the text; `null`: it is no time. A day means its midnight UTC. `now`: Unix seconds. */
export function parseMoment(text: string, now: number): number | null {
  const ago = parseDurationSeconds(text);
  if (ago !== null) return now - ago;
  const at = time.safeParse(text).success ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.floor(at / 1000);
}

/** The ISO 8601 form of Unix seconds. */
export function iso(at: number): string {
  return new Date(at * 1000).toISOString().replace('.000Z', 'Z');
}

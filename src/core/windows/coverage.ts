/** The known part of a window: a repo's pipelines are known without a gap from one moment on, its `knownSince`. */

import type { Window } from '../policy.ts';

/** A ratio is a multiple of 1/1000, so that a rendered one stays valid for a while. */
const steps = 1000;

export interface Coverage {
  /** From 0 to 1, rounded down. */
  readonly ratio: number;
  /** Unix seconds at which `ratio` next grows; infinite if it is 1, or if nothing is known. */
  readonly validUntil: number;
}

/** `knownSince` and `now` in Unix seconds; `null`: nothing is known yet. */
export function coverageOf(knownSince: number | null, { seconds }: Window, now: number): Coverage {
  if (knownSince === null) return { ratio: 0, validUntil: Number.POSITIVE_INFINITY };
  const known = Math.max(0, now - knownSince);
  if (known >= seconds) return { ratio: 1, validUntil: Number.POSITIVE_INFINITY };
  const step = Math.floor((known * steps) / seconds);
  return {
    ratio: step / steps,
    validUntil: Math.max(knownSince + Math.ceil(((step + 1) * seconds) / steps), now + 1),
  };
}

/** The known part of one window over several series. */
export interface KnownTime {
  /** Number of series that are known for the whole window. */
  readonly whole: number;
  /** Number of series that are known from a moment within the window. */
  readonly partly: number;
  /** Sum of these moments, Unix seconds. */
  readonly sinceSum: number;
  /** Number of series of which nothing in the window is known. */
  readonly unknown: number;
}

export const noKnownTime: KnownTime = { whole: 0, partly: 0, sinceSum: 0, unknown: 0 };

/** The known time of one series; the same from `knownSince` until the whole window is known. All in Unix seconds. */
export function knownTimeOf(knownSince: number | null, window: Window, now: number): KnownTime {
  if (knownSince === null || knownSince >= now) return { ...noKnownTime, unknown: 1 };
  if (now - knownSince >= window.seconds) return { ...noKnownTime, whole: 1 };
  return { ...noKnownTime, partly: 1, sinceSum: knownSince };
}

/** a + `times` × b, field by field. */
export function addKnownTime(a: KnownTime, b: KnownTime, times: number): KnownTime {
  return {
    whole: a.whole + times * b.whole,
    partly: a.partly + times * b.partly,
    sinceSum: a.sinceSum + times * b.sinceSum,
    unknown: a.unknown + times * b.unknown,
  };
}

/** Known seconds of a window that ends at `now` (Unix seconds): the mean over the series. */
export function knownSeconds(
  { whole, partly, sinceSum, unknown }: KnownTime,
  { seconds }: Pick<Window, 'seconds'>,
  now: number,
): number {
  return (whole * seconds + partly * now - sinceSum) / (whole + partly + unknown);
}

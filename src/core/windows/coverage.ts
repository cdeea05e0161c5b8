/** How much of a window is known: a repo's pipelines are, from some moment on. */

import type { Window } from '../policy.ts';

/** Told in thousandths, so that what was rendered stays true for a while. */
const steps = 1000;

export interface Coverage {
  /** From 0 to 1, rounded down. */
  readonly ratio: number;
  /** Unix seconds at which it next grows; infinite once it is whole. */
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

/** How many of several series are known for a whole window, and how many only from a moment within it. */
export interface KnownTime {
  readonly whole: number;
  readonly partly: number;
  /** Sum of these moments, Unix seconds. */
  readonly sinceSum: number;
  /** Series of which nothing is known. */
  readonly unknown: number;
}

export const noKnownTime: KnownTime = { whole: 0, partly: 0, sinceSum: 0, unknown: 0 };

/** Of one series; stays the same until its coverage is whole. */
export function knownTimeOf(knownSince: number | null, window: Window, now: number): KnownTime {
  if (knownSince === null || knownSince >= now) return { ...noKnownTime, unknown: 1 };
  if (now - knownSince >= window.seconds) return { ...noKnownTime, whole: 1 };
  return { ...noKnownTime, partly: 1, sinceSum: knownSince };
}

export function addKnownTime(a: KnownTime, b: KnownTime, times: number): KnownTime {
  return {
    whole: a.whole + times * b.whole,
    partly: a.partly + times * b.partly,
    sinceSum: a.sinceSum + times * b.sinceSum,
    unknown: a.unknown + times * b.unknown,
  };
}

/** How many seconds of a window that ends at `now` are known: the mean over the series. */
export function knownSeconds(
  { whole, partly, sinceSum, unknown }: KnownTime,
  { seconds }: Pick<Window, 'seconds'>,
  now: number,
): number {
  return (whole * seconds + partly * now - sinceSum) / (whole + partly + unknown);
}

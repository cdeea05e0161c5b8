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

/** Server, agents and this process have clocks of their own, and any of them may be wrong. All times are Unix seconds. */

/** As much of a difference is let pass. */
export const clockToleranceSeconds = 300;

export function isInFuture(at: number, now: number): boolean {
  return at > now + clockToleranceSeconds;
}

/** Before Woodpecker: only a clock that was never set shows such a time. */
export const startOf2015 = Date.UTC(2015) / 1000;

/** By how many seconds another clock is ahead of ours. A slow answer does not say when it was written. */
export interface MeasuredSkew {
  readonly least: number;
  readonly likely: number;
  readonly most: number;
}

/** From the date of an answer, in whole seconds by the other clock, and when it was asked for and came, by ours. */
export function measureSkew(date: number, askedAt: number, answeredAt: number): MeasuredSkew {
  return {
    least: date - answeredAt,
    likely: date - Math.floor((askedAt + answeredAt) / 2),
    // It may have been written at the very end of its second.
    most: date + 1 - askedAt,
  };
}

/** How far two clocks may be apart without a correction: one that followed each second would tear ends apart. */
const skewToleranceSeconds = 60;

/**
 * By how many seconds the times of another clock are to be corrected from now on. `applied` stays as long as the measured
 * difference is within a minute of it, and a difference of less than a minute is none.
 */
export function correctionFor(applied: number, { least, likely, most }: MeasuredSkew): number {
  const agreesWith = (ahead: number) =>
    ahead >= least - skewToleranceSeconds && ahead <= most + skewToleranceSeconds;
  if (agreesWith(applied)) return applied;
  return agreesWith(0) ? 0 : likely;
}

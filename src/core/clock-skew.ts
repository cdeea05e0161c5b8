/**
 * Server, agents and this process have clocks of their own, and any of them may be wrong. All times are Unix seconds.
 */

/** A time that is up to this much ahead of our clock is accepted. */
export const clockToleranceSeconds = 300;

export function isInFuture(at: number, now: number): boolean {
  return at > now + clockToleranceSeconds;
}

/** Woodpecker did not exist before: an earlier time is from a clock that was never set. */
export const startOf2015 = Date.UTC(2015) / 1000;

/** Lead of another clock over ours, in seconds. It has bounds, since the server may write its answer at any moment. */
export interface MeasuredSkew {
  readonly least: number;
  readonly likely: number;
  readonly most: number;
}

/** `date`: the answer's, in whole seconds of the other clock. `askedAt`, `answeredAt`: request and receipt by ours. */
export function measureSkew(date: number, askedAt: number, answeredAt: number): MeasuredSkew {
  return {
    least: date - answeredAt,
    likely: date - Math.floor((askedAt + answeredAt) / 2),
    // The server may have written it at the very end of its second.
    most: date + 1 - askedAt,
  };
}

/** A smaller difference is not corrected: a correction that followed each second would separate simultaneous ends. */
const skewToleranceSeconds = 60;

/**
 * The correction for times of another clock from now on, in seconds. `applied`: the one so far, which stays as long as
 * it is within a minute of the measured bounds. A difference of less than a minute is not corrected.
 */
export function correctionFor(applied: number, { least, likely, most }: MeasuredSkew): number {
  const agreesWith = (ahead: number) =>
    ahead >= least - skewToleranceSeconds && ahead <= most + skewToleranceSeconds;
  if (agreesWith(applied)) return applied;
  return agreesWith(0) ? 0 : likely;
}

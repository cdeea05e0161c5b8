/** Servers, agents and this process have clocks of their own. What lies too far ahead comes from one that is wrong. */

/** As much of a difference is let pass. */
export const clockToleranceSeconds = 300;

/** Both in Unix seconds. */
export function isInFuture(at: number, now: number): boolean {
  return at > now + clockToleranceSeconds;
}

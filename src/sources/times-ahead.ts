/** Refuses the times of a body that are in the future. */

import { isInFuture } from '../core/clock-skew.ts';
import type { FieldError } from '../util/validate.ts';

/** An error for each time that is more than five minutes after `now`. Times in Unix seconds, by the path of their field. */
export function aheadErrors(
  times: Readonly<Record<string, number | null | undefined>>,
  now: number,
): FieldError[] {
  return Object.entries(times)
    .filter(([, at]) => at != null && isInFuture(at, now))
    .map(([path]) => ({ path, message: 'Time is more than five minutes ahead of its receipt' }));
}

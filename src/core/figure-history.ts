/** Request and answer for the past figures of a series, or of a tier over all its series. */

import type { Window } from './policy.ts';
import type { WindowFigures } from './windows/window-figures.ts';

export interface FigureHistoryRequest {
  /** Full name in any case; `null`: all repos of the tier together. */
  readonly repo: string | null;
  readonly tier: string;
  readonly window: Window;
  /** Ends of windows, Unix seconds, in ascending order. */
  readonly ends: readonly number[];
}

export interface FigurePoint {
  /** End of the window, Unix seconds. */
  readonly end: number;
  /** As they were shown then; `null`: nothing was shown. */
  readonly figures: WindowFigures | null;
}

/** `null`: no such series is shown. Rejects with `StoreUnavailable`. */
export type FigureHistory = (request: FigureHistoryRequest) => Promise<readonly FigurePoint[] | null>;

const gridSeconds = 3600;

/**
 * Ends of the windows before the one that ends at `at`, in ascending order; all in Unix seconds. If `at` is now, they lie
 * an hour apart at least, so that readers within an hour ask for the same ones.
 */
export function earlierEnds(
  { seconds }: Window,
  at: number,
  isOfNow: boolean,
  most: number,
): readonly number[] {
  const end = isOfNow ? Math.floor(at / gridSeconds) * gridSeconds : at;
  return Array.from({ length: most }, (_, place) => end - (most - place) * seconds).filter((one) => one > 0);
}

/** The share of a series in one window of its tier, at a moment. */

import { counts } from '../core/known-ground.ts';
import type { Window } from '../core/policy.ts';
import { gaugesOf } from '../core/series/samples.ts';
import type { Timeline } from '../core/series/timeline.ts';
import { coverageOf, knownTimeOf } from '../core/windows/coverage.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import { windowsOf } from '../core/windows/window-content.ts';
import { lastAt } from './shown-gauges.ts';

export interface WindowAt {
  readonly window: Window;
  /** Length of the policy's longest window. */
  readonly longestSeconds: number;
  /** End of the window, Unix seconds. */
  readonly at: number;
}

/**
 * `timelines`: as they were known at the end, one for each repo that has the series' name. `null` if the longest window
 * contained no deployment: nothing is then shown of any window.
 */
export function windowShareOf(
  timelines: readonly Timeline[],
  knownSince: number | null,
  { window, longestSeconds, at }: WindowAt,
): TierShare | null {
  // Memory surely contains the last deployment, of all that the longest window contained.
  const isShown = timelines.some((timeline) => {
    const last = { at: lastAt(gaugesOf([timeline])) };
    return last.at > at - longestSeconds && counts(timeline.base.ground, last);
  });
  if (!isShown) return null;
  return {
    windows: windowsOf(timelines, [window], at).windows,
    coverage: [coverageOf(knownSince, window, at).ratio],
    knownTime: [knownTimeOf(knownSince, window, at)],
  };
}

/** The share of a series in one window of its tier, at a moment. */

import { counts } from '../core/known-ground.ts';
import type { Window } from '../core/policy.ts';
import { gaugesOf } from '../core/series/samples.ts';
import type { Timeline } from '../core/series/timeline.ts';
import { shareOf, type WindowShare } from '../core/windows/tier-windows.ts';
import { createContentDraft, windowsOf } from '../core/windows/window-content.ts';
import { lastAt } from './shown-gauges.ts';

export interface WindowAt {
  readonly window: Window;
  /** Length of the policy's longest window. */
  readonly longestSeconds: number;
  /** End of the window, Unix seconds. */
  readonly at: number;
}

export interface ShareDraft {
  /** Adds the timeline of one of the repos that have the series' name, as it was known at the window's end. */
  add(timeline: Timeline): void;
  /** `null`: the longest window contained no deployment. Nothing is then shown of any window. */
  finish(): WindowShare | null;
}

export function createWindowShare(
  knownSince: number | null,
  { window, longestSeconds, at }: WindowAt,
): ShareDraft {
  const draft = createContentDraft();
  let isShown = false;
  return {
    add(timeline) {
      const last = { at: lastDeployedAt(timeline) };
      isShown ||= last.at > at - longestSeconds && counts(timeline.base.ground, last);
      if (timeline.recent.length + timeline.episodes.length === 0) return;
      const [content] = windowsOf([timeline], [window], at).windows;
      if (content) draft.add(content);
    },
    finish: () => (isShown ? shareOf(draft.finish(), knownSince, window, at) : null),
  };
}

/** Unix seconds of the last deployment; 0: there is none. Memory may have forgotten all but its time. */
export function lastDeployedAt(timeline: Timeline): number {
  const { recent, baseEnd } = timeline;
  return recent.at(-1)?.at ?? (baseEnd === 0 ? 0 : lastAt(gaugesOf([timeline])));
}

/** The shares of a series in a window of its tier, at moments of the past. */

import { counts } from '../core/known-ground.ts';
import { longestWindowSeconds, type Window } from '../core/policy.ts';
import { lastIn } from '../core/series/last-deployed.ts';
import type { Ingredients } from '../core/series/shown-series.ts';
import type { Timeline } from '../core/series/timeline.ts';
import { shareOf, type WindowShare } from '../core/windows/tier-windows.ts';
import { createContentDraft, emptyContent, windowsOf } from '../core/windows/window-content.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { type Reader, visitTimelines } from './timeline-at.ts';

/**
 * The share at each of `ends`, the ends of windows (Unix seconds, in ascending order). `null`: the longest window
 * contained no deployment. Nothing is then shown of any window. `visit` gets the timelines of all repos with the name.
 */
export async function sharesAt(
  ingest: Ingest,
  { tier, pairs, knownSince }: Ingredients,
  window: Window,
  ends: readonly number[],
  reader: Reader,
  visit: (timeline: Timeline) => void = () => undefined,
): Promise<readonly (WindowShare | null)[]> {
  const longestSeconds = longestWindowSeconds(ingest.mode.policy);
  const drafts = new Map(ends.map((end) => [end, { content: createContentDraft(), isShown: false }]));
  for (const { repo } of pairs) {
    const request = { repo, tier, window, moments: ends };
    await visitTimelines(ingest, request, reader, (timeline, end) => {
      const draft = drafts.get(end);
      if (!draft) return;
      const last = { at: lastIn(timeline) };
      draft.isShown ||= last.at > end - longestSeconds && counts(timeline.base.ground, last);
      draft.content.add(windowsOf([timeline], [window], end).windows[0] ?? emptyContent);
      visit(timeline);
    });
  }
  return [...drafts].map(([end, { content, isShown }]) =>
    isShown ? shareOf(content.finish(), knownSince, window, end) : null,
  );
}

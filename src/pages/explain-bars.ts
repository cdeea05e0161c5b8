/** Episodes of failure and incidents as bars on the time axis of an explanation. */

import { html } from 'hono/html';
import type { Html } from './page.ts';
import { duration, minuteWords, percentOf } from './words.ts';

/** Unix seconds; `end` is `null` while it is open. */
export interface Interval {
  readonly start: number;
  readonly end: number | null;
}

export interface Bars {
  readonly kind: 'episode' | 'outage';
  /** Name of an interval. */
  readonly words: string;
  /** Pixels from the top. */
  readonly y: number;
  /** The position of a moment on the axis, in percent of the width. */
  readonly shareOf: (at: number) => number;
  /** Start and end of the axis, Unix seconds. */
  readonly from: number;
  readonly to: number;
}

/** A bar of one interval, or of several short ones at the same position. */
interface Bar {
  readonly left: number;
  readonly right: number;
  readonly first: Interval;
  readonly intervals: number;
}

/** In percent; a narrower bar would be invisible. */
const leastWidth = 0.3;

/** `intervals` in order of their start. Any number of intervals gives at most some hundred bars. */
export function drawBars(intervals: readonly Interval[], bars: Bars): Html {
  return html`${joinShort(intervals, bars).map((bar) => drawBar(bar, bars))}`;
}

function joinShort(intervals: readonly Interval[], { shareOf, from, to }: Bars): readonly Bar[] {
  const bars: Bar[] = [];
  for (const first of intervals) {
    const left = shareOf(Math.max(first.start, from));
    const right = shareOf(Math.min(first.end ?? to, to));
    const last = bars.at(-1);
    const isShort = last && Math.max(last.right, right) < last.left + leastWidth;
    if (isShort && first.end !== null && last.first.end !== null) {
      bars[bars.length - 1] = { ...last, right: Math.max(last.right, right), intervals: last.intervals + 1 };
    } else {
      bars.push({ left, right, first, intervals: 1 });
    }
  }
  return bars;
}

function drawBar({ left, right, first, intervals }: Bar, { kind, words, y }: Bars): Html {
  const width = Math.max(right - left, leastWidth);
  return html`<g><title>${words} ${intervals === 1 ? lengthWords(first) : `${intervals} times, first at ${minuteWords(first.start)}`}</title><rect class="${kind}${first.end === null ? ' open' : ''}" x="${percentOf(left)}" width="${percentOf(width)}" y="${y}" height="8" rx="2"/></g>`;
}

function lengthWords({ start, end }: Interval): string {
  return end === null ? `since ${minuteWords(start)}, still open` : `for ${duration(end - start)}`;
}

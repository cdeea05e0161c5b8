/** What charts share: the axis of time, and the column of labels beside a plot. */

import { html } from 'hono/html';
import type { Html } from './page.ts';
import { percentOf } from './words.ts';

/** As many labels as a phone has room for. */
const mostTicks = 5;

/** Labels below an axis, kept within the chart; `share`: their place from left to right, 0 to 100. */
export function timeTicks(
  ticks: readonly { readonly share: number; readonly words: string }[],
  y: number,
): Html {
  const step = Math.ceil(ticks.length / mostTicks);
  const shown = ticks.filter((_, place) => place % step === 0);
  return html`${shown.map(({ share, words }) => {
    const anchor = share < 4 ? 'start' : share > 96 ? 'end' : 'middle';
    return html`<text class="tick" x="${percentOf(share)}" y="${y}" text-anchor="${anchor}">${words}</text>`;
  })}`;
}

export interface Level {
  /** Pixels from the top. */
  readonly y: number;
  readonly words: string;
}

/** A line across the plot at each level. */
export function gridLines(levels: readonly Level[]): Html {
  return html`${levels.map(({ y }) => html`<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}"/>`)}`;
}

/** Pixels. */
const scaleWidth = 46;

/** A plot with the words of its levels in a column of their own, so that they collide with nothing that is drawn. */
export function besideScale(levels: readonly Level[], height: number, plot: Html): Html {
  return html`<div class="scaled"><svg class="plot scale" width="${scaleWidth}" height="${height}" aria-hidden="true">${levels.map(
    ({ y, words }) =>
      html`<text class="tick" x="${scaleWidth - 8}" y="${y + 4}" text-anchor="end">${words}</text>`,
  )}</svg><div>${plot}</div></div>`;
}

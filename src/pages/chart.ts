/** Parts of charts: the time axis, and the scale beside a plot. */

import { html } from 'hono/html';
import type { Html } from './page.ts';
import { percentOf } from './words.ts';

/** Number of labels that fit on a phone. */
const mostTicks = 5;

/** Labels below an axis, within the chart. `share`: the position in percent of the width. */
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

/** A plot beside a column with the labels of its levels: there they cover nothing. */
export function besideScale(levels: readonly Level[], height: number, plot: Html): Html {
  return html`<div class="scaled"><svg class="plot scale" width="${scaleWidth}" height="${height}" aria-hidden="true">${levels.map(
    ({ y, words }) =>
      html`<text class="tick" x="${scaleWidth - 8}" y="${y + 4}" text-anchor="end">${words}</text>`,
  )}</svg><div>${plot}</div></div>`;
}

/** The trend of a figure as a line with points. Unknown values have no point. */

import { max } from 'd3-array';
import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { html } from 'hono/html';
import type { Html } from './page.ts';
import { dayWords, percent, percentOf } from './words.ts';

export interface TrendPoint {
  /** End of the window, Unix seconds. */
  readonly end: number;
  readonly value: number | null;
  /** The known part of the window, from 0 to 1. */
  readonly coverage: number;
}

/** Pixels; the width is a percentage. */
const height = 38;
const margin = 5;

export function sparkline(
  name: string,
  points: readonly TrendPoint[],
  write: (value: number) => string,
): Html {
  const known = points.filter(({ value }) => value !== null);
  if (known.length < 2) return html`<p class="spark dim small">No trend yet</p>`;
  const x = scaleLinear([0, points.length - 1], [2, 98]);
  const y = scaleLinear([0, max(known, ({ value }) => value ?? 0) || 1], [height - margin, margin]);
  const path = line<TrendPoint>(
    (_, place) => x(place),
    ({ value }) => y(value ?? 0),
  ).defined(({ value }) => value !== null)(points);
  const words = ({ end, value, coverage }: TrendPoint) => {
    const part = coverage === 1 ? '' : `, of a window known to ${percent(coverage)}`;
    return `${dayWords(end)}: ${value === null ? 'unknown' : `${write(value)}${part}`}`;
  };
  return html`<svg class="spark" width="100%" height="${height}" role="img" aria-label="${name} over ${points.length} windows: ${points.map(words).join('; ')}">
<svg width="100%" height="${height}" viewBox="0 0 100 ${height}" preserveAspectRatio="none"><path class="trend" d="${path}"/></svg>
${points.map((point, place) =>
  point.value === null
    ? ''
    : html`<circle class="${place === points.length - 1 ? 'now' : 'then'}${point.coverage === 1 ? '' : ' part'}" cx="${percentOf(x(place))}" cy="${y(point.value)}" r="${place === points.length - 1 ? 3.5 : 2}"><title>${words(point)}</title></circle>`,
)}</svg>`;
}

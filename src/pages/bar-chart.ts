/** Deployments over time as bars and as a table. A bar has failures above successes, and a mark for each cause. */

import { max } from 'd3-array';
import { scaleLinear, scaleUtc } from 'd3-scale';
import { html, raw } from 'hono/html';
import type { DeploymentBar } from '../core/overview.ts';
import type { Cause } from '../core/verdict.ts';
import { counted } from '../util/pluralize.ts';
import { inOrder, legend, type Mark, markPath, markWords } from './causes.ts';
import { besideScale, gridLines, timeTicks } from './chart.ts';
import type { Html } from './page.ts';
import { type BarUnit, barWords, percentOf, tickWords, unitOf } from './words.ts';

/** Pixels. Widths are percentages, so that the chart fills the width of the page. */
const barsHeight = 100;
const axisHeight = 24;
/** Side of the square around a mark. */
const markSize = 13;
const gap = 3;
/** Up to this many bars, two marks fit side by side, also on a phone. */
const mostWideBars = 20;

/** The positions of bars and marks. */
interface Layout {
  readonly unit: BarUnit;
  readonly isPart: (bar: DeploymentBar) => boolean;
  /** Percentages of the width. */
  readonly pitch: number;
  readonly left: (bar: DeploymentBar) => number;
  readonly y: (deployments: number) => number;
  /** Number of marks side by side above a bar. */
  readonly columns: number;
}

export function barChart(bars: readonly DeploymentBar[], barSeconds: number): Html {
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return html``;
  const unit = unitOf(barSeconds);
  const columns = bars.length > mostWideBars ? 1 : 2;
  const rows = Math.ceil((max(bars, (bar) => causesOf(bar).length) ?? 0) / columns);
  const top = rows * markSize + 2 * gap;
  const bottom = top + barsHeight;
  const height = bottom + axisHeight;
  const domain = [first.start, last.start + barSeconds].map((at) => new Date(at * 1000));
  const x = scaleUtc(domain, [0, 100]);
  const y = scaleLinear([0, max(bars, heightOf) || 1], [bottom, top]).nice(3);
  const pitch = 100 / bars.length;
  const isPart = ({ start, from, to }: DeploymentBar) => from > start || to < start + barSeconds - 1;
  const layout: Layout = { unit, isPart, pitch, left: ({ start }) => x(new Date(start * 1000)), y, columns };
  const levels = y
    .ticks(3)
    .filter((tick) => Number.isInteger(tick) && tick > 0)
    .map((tick) => ({ y: y(tick), words: String(tick) }));
  // The label of a day or an hour is below the middle of its bar.
  const shift = unit === 'week' ? 0 : pitch / 2;
  const ticks = x
    .ticks(5)
    .filter((tick) => tick.getTime() <= last.to * 1000)
    .map((tick) => ({
      share: x(tick) + shift,
      words: tickWords(tick.getTime() / 1000),
    }));
  const found = inOrder(bars.flatMap(causesOf));
  return html`<figure class="chart"><figcaption>Deployments per ${unit}</figcaption>
${besideScale(
  levels,
  height,
  html`<svg class="plot" width="100%" height="${height}" role="img" aria-label="${summaryOf(bars)}">
${gridLines(levels)}
<line class="axis" x1="0" x2="100%" y1="${bottom}" y2="${bottom}"/>
${timeTicks(ticks, height - 8)}
${bars.map((bar) => drawBar(bar, layout))}
</svg>`,
)}${legend(['success', ...found], countsOf(bars))}${bars.some((bar) => heightOf(bar) > 0 && isPart(bar)) ? partNote(unit) : ''}</figure>`;
}

function partNote(unit: BarUnit): Html {
  return html`<p class="small dim">Faded: only a part of the ${unit} is in the window.</p>`;
}

function causesOf({ byCause }: DeploymentBar): readonly Cause[] {
  return inOrder(Object.keys(byCause) as Cause[]);
}

function countsOf(bars: readonly DeploymentBar[]): ReadonlyMap<Mark, number> {
  const counts = new Map<Mark, number>();
  const add = (mark: Mark, count: number) => counts.set(mark, (counts.get(mark) ?? 0) + count);
  for (const bar of bars) {
    add('success', bar.succeeded);
    for (const cause of causesOf(bar)) add(cause, bar.byCause[cause] ?? 0);
  }
  return counts;
}

function heightOf({ succeeded, failed }: DeploymentBar): number {
  return succeeded + failed;
}

function drawBar(bar: DeploymentBar, layout: Layout): Html {
  const { succeeded, failed } = bar;
  const { isPart, pitch, left, y } = layout;
  if (heightOf(bar) === 0) return html``;
  const rect = (mark: 'success' | 'failed', from: number, to: number) =>
    from === to
      ? ''
      : html`<rect class="${mark}" x="${percentOf(left(bar) + 0.13 * pitch)}" width="${percentOf(0.74 * pitch)}" y="${y(to)}" height="${y(from) - y(to)}"/>`;
  return html`<g${isPart(bar) ? raw(' class="part"') : ''}><title>${tipOf(bar, layout)}</title>${rect('success', 0, succeeded)}${rect('failed', succeeded, succeeded + failed)}${marksAbove(bar, layout)}</g>`;
}

/** The marks of a bar in a box. A narrow box shrinks its marks, so that neighbours never overlap. */
function marksAbove(bar: DeploymentBar, { pitch, left, y, columns }: Layout): Html {
  const marks = causesOf(bar);
  if (marks.length === 0) return html``;
  const width = Math.min(columns, marks.length) * markSize;
  const height = Math.ceil(marks.length / columns) * markSize;
  return html`<svg x="${percentOf(left(bar))}" width="${percentOf(pitch)}" y="${y(heightOf(bar)) - gap - height}" height="${height}" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMax">${marks.map(
    (cause, place) =>
      html`<svg class="at" x="${((place % columns) + 0.5) * markSize}" y="${height - (Math.floor(place / columns) + 0.5) * markSize}">${markPath(cause)}</svg>`,
  )}</svg>`;
}

function tipOf(bar: DeploymentBar, { unit, isPart }: Layout): string {
  const part = isPart(bar) ? `, of which only a part is in the window` : '';
  const all = counted(heightOf(bar), 'deployment');
  const reasons = causesOf(bar).map((cause) => `${bar.byCause[cause]} ${markWords[cause]}`);
  return `${barWords(bar, unit)}${part}: ${all}, ${bar.failed} failed${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`;
}

function summaryOf(bars: readonly DeploymentBar[]): string {
  const all = bars.reduce((sum, bar) => sum + heightOf(bar), 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  return `Deployments over time: ${all} altogether, ${failed} of them failed. The table below has them all.`;
}

export function barTable(bars: readonly DeploymentBar[], barSeconds: number): Html {
  const unit = unitOf(barSeconds);
  const some = bars.filter((bar) => heightOf(bar) > 0).toReversed();
  const found = inOrder(some.flatMap(causesOf));
  const heading = unit === 'week' ? 'Days' : 'From';
  return html`<div class="wide" tabindex="0"><table class="narrow"><caption>Deployments by ${unit} of UTC, latest first</caption>
<thead><tr><th scope="col">${heading}</th><th scope="col" class="n">Succeeded</th><th scope="col" class="n">Failed</th>${found.map((cause) => html`<th scope="col" class="n">${markWords[cause]}</th>`)}</tr></thead>
<tbody>${some.map(
    (bar) =>
      html`<tr><th scope="row" class="nb">${barWords(bar, unit)}</th><td class="n">${bar.succeeded}</td><td class="n">${bar.failed}</td>${found.map((cause) => html`<td class="n">${bar.byCause[cause] ?? 0}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

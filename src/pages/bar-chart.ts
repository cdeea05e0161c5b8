/** Deployments over time as bars: succeeded below, failed above, with a mark for each cause; and the table behind them. */

import { max } from 'd3-array';
import { scaleLinear, scaleUtc } from 'd3-scale';
import { html } from 'hono/html';
import type { DeploymentBar } from '../core/overview.ts';
import type { Cause } from '../core/verdict.ts';
import { counted } from '../util/pluralize.ts';
import { inOrder, legend, type Mark, markPath, markWords } from './causes.ts';
import type { Html } from './page.ts';
import { barDate, percentOf } from './words.ts';

/** Pixels. Widths are shares, so that the chart is as wide as the screen has room for. */
const height = 150;
const bottom = 126;
const top = 26;
const markStep = 10;
const mostMarks = 2;

export function barChart(title: string, bars: readonly DeploymentBar[], barSeconds: number): Html {
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return html``;
  const domain = [first.start, last.start + barSeconds].map((at) => new Date(at * 1000));
  const x = scaleUtc(domain, [0, 100]);
  const y = scaleLinear([0, max(bars, heightOf) || 1], [bottom, top]).nice(3);
  const width = (100 / bars.length) * 0.74;
  const left = (bar: DeploymentBar) => x(new Date(bar.start * 1000)) + (100 / bars.length) * 0.13;
  const found = inOrder(bars.flatMap(({ byCause }) => Object.keys(byCause) as Cause[]));
  const ticks = y.ticks(3).filter((tick) => Number.isInteger(tick) && tick > 0);
  return html`<figure class="chart"><figcaption>${title}</figcaption>
<svg class="plot" width="100%" height="${height}" role="img" aria-label="${summaryOf(bars)}">
${ticks.map((tick) => html`<line class="grid" x1="0" x2="100%" y1="${y(tick)}" y2="${y(tick)}"/><text class="tick" x="0" y="${y(tick) - 3}">${tick}</text>`)}
<line class="axis" x1="0" x2="100%" y1="${bottom}" y2="${bottom}"/>
${x
  .ticks(5)
  .filter((tick) => tick.getTime() <= last.start * 1000)
  .map((tick) => timeTick(x(tick) + 50 / bars.length, barDate(tick.getTime() / 1000, barSeconds)))}
${bars.map((bar) => drawBar(bar, { left: left(bar), width, y, barSeconds }))}
</svg>${legend(['success', ...found], countsOf(bars))}</figure>`;
}

function countsOf(bars: readonly DeploymentBar[]): ReadonlyMap<Mark, number> {
  const counts = new Map<Mark, number>();
  const add = (mark: Mark, count: number) => counts.set(mark, (counts.get(mark) ?? 0) + count);
  for (const { succeeded, byCause } of bars) {
    add('success', succeeded);
    for (const cause of inOrder(Object.keys(byCause) as Cause[])) add(cause, byCause[cause] ?? 0);
  }
  return counts;
}

function heightOf({ succeeded, failed }: DeploymentBar): number {
  return succeeded + failed;
}

/** A label below the axis, kept within the chart. */
export function timeTick(share: number, words: string): Html {
  const anchor = share < 4 ? 'start' : share > 96 ? 'end' : 'middle';
  return html`<text class="tick" x="${percentOf(share)}" y="${height - 8}" text-anchor="${anchor}">${words}</text>`;
}

interface Place {
  readonly left: number;
  readonly width: number;
  readonly y: (value: number) => number;
  readonly barSeconds: number;
}

function drawBar(bar: DeploymentBar, { left, width, y, barSeconds }: Place): Html {
  const { succeeded, failed, byCause } = bar;
  if (succeeded + failed === 0) return html``;
  const rect = (mark: 'success' | 'failed', from: number, to: number) =>
    from === to
      ? ''
      : html`<rect class="${mark}" x="${percentOf(left)}" width="${percentOf(width)}" y="${y(to)}" height="${y(from) - y(to)}"/>`;
  const head = y(succeeded + failed) - 8;
  const marks = inOrder(Object.keys(byCause) as Cause[]).slice(0, mostMarks);
  return html`<g><title>${barWords(bar, barSeconds)}</title>${rect('success', 0, succeeded)}${rect('failed', succeeded, succeeded + failed)}${marks.map(
    (cause, place) =>
      html`<svg class="at" x="${percentOf(left + width / 2)}" y="${head - place * markStep}">${markPath(cause)}</svg>`,
  )}</g>`;
}

function barWords({ start, succeeded, failed, byCause }: DeploymentBar, barSeconds: number): string {
  const all = counted(succeeded + failed, 'deployment');
  const reasons = inOrder(Object.keys(byCause) as Cause[]).map(
    (cause) => `${byCause[cause]} ${markWords[cause]}`,
  );
  return `${barDate(start, barSeconds)}: ${all}, ${failed} failed${reasons.length > 0 ? ` (${reasons.join(', ')})` : ''}`;
}

function summaryOf(bars: readonly DeploymentBar[]): string {
  const all = bars.reduce((sum, bar) => sum + heightOf(bar), 0);
  const failed = bars.reduce((sum, bar) => sum + bar.failed, 0);
  return `Deployments over time: ${all} altogether, ${failed} of them failed. The table below has them all.`;
}

export function barTable(bars: readonly DeploymentBar[], barSeconds: number): Html {
  const some = bars.filter((bar) => heightOf(bar) > 0).toReversed();
  const found = inOrder(some.flatMap(({ byCause }) => Object.keys(byCause) as Cause[]));
  return html`<div class="wide" tabindex="0"><table class="narrow"><caption>Deployments by ${unitOf(barSeconds)} of UTC, latest first</caption>
<thead><tr><th scope="col">From</th><th scope="col" class="n">Succeeded</th><th scope="col" class="n">Failed</th>${found.map((cause) => html`<th scope="col" class="n">${markWords[cause]}</th>`)}</tr></thead>
<tbody>${some.map(
    ({ start, succeeded, failed, byCause }) =>
      html`<tr><th scope="row">${barDate(start, barSeconds)}</th><td class="n">${succeeded}</td><td class="n">${failed}</td>${found.map((cause) => html`<td class="n">${byCause[cause] ?? 0}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

export function unitOf(barSeconds: number): string {
  return barSeconds < 86_400 ? 'hour' : barSeconds === 86_400 ? 'day' : 'week';
}

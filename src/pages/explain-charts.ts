/** The window of an explanation as charts: its deployments on a time axis, and the lead times of their commits. */

import { max, min } from 'd3-array';
import { scaleLog, scaleUtc } from 'd3-scale';
import { html } from 'hono/html';
import type { DrawnDeployment, Explanation } from '../core/explain.ts';
import { iso } from '../util/moment.ts';
import { causeWords, inOrder, legend, markPath } from './causes.ts';
import { explainLink, type Html } from './page.ts';
import { dayWords, duration, percentOf } from './words.ts';

/** The row of a pipeline in the table below. */
export function rowId({ number, at }: Pick<DrawnDeployment, 'number' | 'at'>): string {
  return `p${number}-${at}`;
}

type LinkTo = (deployment: DrawnDeployment) => string;

/** To its row: on this page if it is listed here, else on a page whose list begins with it. */
function linksOf({ repo, tier, window, at, pipelines }: Explanation, isOfNow: boolean): LinkTo {
  const listed = new Set(pipelines.map(({ place }) => rowId(place)));
  return (deployment) => {
    const id = rowId(deployment);
    if (listed.has(id)) return `#${id}`;
    const before = `${deployment.at}.${deployment.number + 1}.${deployment.repo}`;
    const asOf = isOfNow ? {} : { at: iso(at) };
    return `${explainLink({ repo, tier, window: window.name, ...asOf, before })}#${id}`;
  };
}

function timeScale({ window, at }: Explanation) {
  return scaleUtc([new Date((at - window.seconds) * 1000), new Date(at * 1000)], [0, 100]);
}

/** Pixels from the top. */
const lanes = { failed: 16, succeeded: 40, episodes: 60, incidents: 74, axis: 88, height: 110 };

export function timeline(explanation: Explanation, isOfNow: boolean): Html {
  const { drawn, episodes, incidents, figures } = explanation;
  if (drawn.length === 0 && episodes.length === 0 && incidents.length === 0) return html``;
  const x = timeScale(explanation);
  const linkTo = linksOf(explanation, isOfNow);
  const found = inOrder(drawn.flatMap(({ causes }) => causes));
  const bar =
    (kind: string, y: number, words: string) =>
    (one: { readonly start: number; readonly end: number | null }) =>
      drawBar(one, { explanation, kind, y, words });
  return html`<figure class="chart"><figcaption>Deployments over time</figcaption>
<svg class="plot" width="100%" height="${lanes.height}" role="group" aria-label="${figures.deployments} deployments, ${figures.failedDeployments} of them failed, on a time axis; each leads to its row in the table">
${axis(x)}
${episodes.map(bar('episode', lanes.episodes, 'Failing'))}
${incidents.map(bar('outage', lanes.incidents, 'Incident'))}
${drawn.map((deployment) => point(deployment, x(new Date(deployment.at * 1000)), linkTo(deployment)))}
</svg>${legend(['success', ...found])}${barLegend(episodes.length > 0, incidents.length > 0)}${fewerNote(explanation)}</figure>`;
}

function axis(x: ReturnType<typeof timeScale>): Html {
  const ticks = x.ticks(5).map((tick) => {
    const share = x(tick);
    const anchor = share < 4 ? 'start' : share > 96 ? 'end' : 'middle';
    return html`<text class="tick" x="${percentOf(share)}" y="${lanes.height - 6}" text-anchor="${anchor}">${dayWords(tick.getTime() / 1000)}</text>`;
  });
  return html`<line class="axis" x1="0" x2="100%" y1="${lanes.axis}" y2="${lanes.axis}"/>${ticks}`;
}

function point(deployment: DrawnDeployment, share: number, link: string): Html {
  const { number, at, causes } = deployment;
  const words = `#${number}, ${iso(at).slice(0, 16).replace('T', ' ')}: ${causes.length === 0 ? 'succeeded' : causeWords(causes)}`;
  const [cause] = causes;
  return html`<a href="${link}" tabindex="-1"><title>${words}</title><svg class="at" x="${percentOf(share)}" y="${cause ? lanes.failed : lanes.succeeded}">${markPath(cause ?? 'success')}</svg></a>`;
}

interface Drawing {
  readonly explanation: Explanation;
  readonly kind: string;
  readonly y: number;
  readonly words: string;
}

/** From its start to its end, as far as they lie in the window. */
function drawBar(
  { start, end }: { readonly start: number; readonly end: number | null },
  { explanation, kind, y, words }: Drawing,
): Html {
  const { window, at } = explanation;
  const x = timeScale(explanation);
  const from = Math.max(start, at - window.seconds);
  const until = Math.min(end ?? at, at);
  const left = x(new Date(from * 1000));
  const width = Math.max(x(new Date(until * 1000)) - left, 0.3);
  const long =
    end === null
      ? `since ${iso(start).slice(0, 16).replace('T', ' ')}, still open`
      : `for ${duration(end - start)}`;
  return html`<g><title>${words} ${long}</title><rect class="${kind}${end === null ? ' open' : ''}" x="${percentOf(left)}" width="${percentOf(width)}" y="${y}" height="8" rx="2"/></g>`;
}

function barLegend(hasEpisodes: boolean, hasIncidents: boolean): Html {
  if (!hasEpisodes && !hasIncidents) return html``;
  const swatch = (kind: string) =>
    html`<svg class="glyph" width="22" height="10" aria-hidden="true"><rect class="${kind}" width="22" height="8" y="1" rx="2"/></svg>`;
  return html`<ul class="legend">${hasEpisodes ? html`<li>${swatch('episode')} failing, upper bars</li>` : ''}${hasIncidents ? html`<li>${swatch('outage')} incident, lower bars</li>` : ''}</ul>`;
}

function fewerNote({ drawn, figures }: Explanation): Html {
  if (drawn.length >= figures.deployments) return html``;
  return html`<p class="small dim">The latest ${drawn.length} of ${figures.deployments} deployments are drawn.</p>`;
}

const mostPoints = 2_000;
/** Pixels. */
const plot = { top: 12, bottom: 150, height: 172 };
const marks = [1, 10, 60, 600, 3600, 21_600, 86_400, 604_800, 2_592_000, 15_552_000];

/** One point for each commit, on a logarithmic scale, with median and 95th percentile as lines. */
export function leadTimeChart(explanation: Explanation, isOfNow: boolean): Html {
  const { drawn, figures } = explanation;
  const { median, p95 } = figures.changeLeadTime;
  const points = drawn.flatMap((deployment) =>
    deployment.leadTimes.map((seconds) => ({ deployment, seconds: Math.max(seconds, 1) })),
  );
  if (points.length === 0 || median === null || p95 === null) return html``;
  const lowest = Math.min(min(points, ({ seconds }) => seconds) ?? 1, median || 1);
  const highest = Math.max(max(points, ({ seconds }) => seconds) ?? 1, p95, 2 * lowest);
  const y = scaleLog([lowest / 1.3, highest * 1.3], [plot.bottom, plot.top]);
  const x = timeScale(explanation);
  const linkTo = linksOf(explanation, isOfNow);
  const shown = points.slice(-mostPoints);
  const level = (kind: string, name: string, seconds: number) => {
    const at = y(Math.max(seconds, 1));
    return html`<line class="${kind}" x1="0" x2="100%" y1="${at}" y2="${at}"/><text class="tick strong" x="100%" y="${at - 4}" text-anchor="end">${name} ${duration(seconds)}</text>`;
  };
  return html`<figure class="chart"><figcaption>Lead time of each commit, on a logarithmic scale</figcaption>
<svg class="plot" width="100%" height="${plot.height}" role="group" aria-label="Lead times of ${points.length} commits: median ${duration(median)}, 95th percentile ${duration(p95)}; each leads to its deployment in the table">
${marks
  .filter((seconds) => seconds > lowest / 1.3 && seconds < highest * 1.3)
  .map(
    (seconds) =>
      html`<line class="grid" x1="0" x2="100%" y1="${y(seconds)}" y2="${y(seconds)}"/><text class="tick" x="0" y="${y(seconds) - 3}">${duration(seconds)}</text>`,
  )}
<line class="axis" x1="0" x2="100%" y1="${plot.bottom}" y2="${plot.bottom}"/>
${x.ticks(5).map((tick) => html`<text class="tick" x="${percentOf(x(tick))}" y="${plot.height - 6}" text-anchor="${x(tick) < 4 ? 'start' : x(tick) > 96 ? 'end' : 'middle'}">${dayWords(tick.getTime() / 1000)}</text>`)}
${shown.map(
  ({ deployment, seconds }) =>
    html`<a href="${linkTo(deployment)}" tabindex="-1"><title>#${deployment.number}: ${duration(seconds)}</title><circle class="sample" cx="${percentOf(x(new Date(deployment.at * 1000)))}" cy="${y(seconds)}" r="3"/></a>`,
)}
${level('median', 'median', median)}${level('p95', '95 % within', p95)}
</svg></figure>`;
}

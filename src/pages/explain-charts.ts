/** The window of an explanation as charts: its deployments on a time axis, and the lead times of their commits. */

import { max, min } from 'd3-array';
import { scaleLog, scaleUtc } from 'd3-scale';
import { html } from 'hono/html';
import type { DrawnDeployment, Explanation } from '../core/explain.ts';
import { type ExplainView, explainLink, rowId } from './addresses.ts';
import { causeWords, inOrder, legend, markPath } from './causes.ts';
import { besideScale, gridLines, type Level, timeTicks } from './chart.ts';
import { drawBars } from './explain-bars.ts';
import type { Html } from './page.ts';
import { dayWords, duration, minuteWords, percentOf } from './words.ts';

type LinkTo = (deployment: DrawnDeployment) => string;

/** Links to rows of deployments: on this page if it lists the deployment, else on a page whose list begins with it. */
function linksOf({ pipelines }: Explanation, view: ExplainView): LinkTo {
  const listed = new Set(pipelines.map(({ place }) => rowId(place)));
  const ofView = explainLink(view);
  const ofEverything = explainLink({ ...view, show: 'everything' });
  return (deployment) => {
    const id = rowId(deployment);
    if (listed.has(id)) return `#${id}`;
    const before = `${deployment.at}.${deployment.number + 1}.${deployment.repo}`;
    const isShown = view.show !== 'failed' || deployment.causes.length > 0;
    return `${isShown ? ofView : ofEverything}&before=${before}#${id}`;
  };
}

function timeScale({ window, at }: Explanation) {
  return scaleUtc([new Date((at - window.seconds) * 1000), new Date(at * 1000)], [0, 100]);
}

/** Pixels. */
const markSize = 13;
const lane = { gap: 5, bar: 14, axis: 22 };
/** Least and greatest width of a cluster in percent: sixty fit on a phone, and the marks of twenty have their full size. */
const clusterShare = { least: 100 / 60, most: 5 };

export function timeline(explanation: Explanation, view: ExplainView): Html {
  const { drawn, episodes, incidents, figures, window, at } = explanation;
  if (drawn.length === 0 && episodes.length === 0 && incidents.length === 0) return html``;
  const x = timeScale(explanation);
  const linkTo = linksOf(explanation, view);
  const found = inOrder(drawn.flatMap(({ causes }) => causes));
  const shareOf = (at: number) => x(new Date(at * 1000));
  const failed = clustersOf(drawn.filter(hasFailed), shareOf);
  const succeeded = clustersOf(
    drawn.filter((one) => !hasFailed(one)),
    shareOf,
  );
  const width = Math.min(widthOf(failed), widthOf(succeeded));
  // From the top: failed deployments, the others, episodes, incidents, the axis.
  const failedEnd = lane.gap + heightOf(failed);
  const succeededEnd = failedEnd + lane.gap + heightOf(succeeded);
  const episodesFrom = succeededEnd + lane.gap;
  const axisAt = episodesFrom + 2 * lane.bar;
  const span = { shareOf, from: at - window.seconds, to: at };
  return html`<figure class="chart"><figcaption>Deployments over time</figcaption>
<svg class="plot" width="100%" height="${axisAt + lane.axis}" role="group" aria-label="${figures.deployments} deployments, ${figures.failedDeployments} of them failed, on a time axis; each leads to its row in the table">
${axis(x, axisAt, axisAt + lane.axis - 6)}
${drawBars(episodes, { ...span, kind: 'episode', words: 'Failing', y: episodesFrom })}
${drawBars(incidents, { ...span, kind: 'outage', words: 'Incident', y: episodesFrom + lane.bar })}
${failed.map((cluster) => drawCluster(cluster, { bottom: failedEnd, width, linkTo }))}${succeeded.map((cluster) => drawCluster(cluster, { bottom: succeededEnd, width, linkTo }))}
</svg>${legend([...(succeeded.length > 0 ? (['success'] as const) : []), ...found])}${barLegend(episodes.length > 0, incidents.length > 0)}${fewerNote(explanation)}</figure>`;
}

function axis(x: ReturnType<typeof timeScale>, y: number, wordsY: number): Html {
  const ticks = x.ticks(5).map((tick) => ({ share: x(tick), words: dayWords(tick.getTime() / 1000) }));
  return html`<line class="axis" x1="0" x2="100%" y1="${y}" y2="${y}"/>${timeTicks(ticks, wordsY)}`;
}

function hasFailed({ causes }: DrawnDeployment): boolean {
  return causes.length > 0;
}

/** Deployments that are too close in time for separate marks. */
interface Cluster {
  /** Position of its first deployment, in percent of the width. */
  readonly share: number;
  readonly deployments: readonly DrawnDeployment[];
}

/** `deployments` in order of time. The distance of two clusters is at least the least width. */
function clustersOf(
  deployments: readonly DrawnDeployment[],
  shareOf: (at: number) => number,
): readonly Cluster[] {
  const clusters: { share: number; deployments: DrawnDeployment[] }[] = [];
  for (const deployment of deployments) {
    const share = shareOf(deployment.at);
    const last = clusters.at(-1);
    if (last && share < last.share + clusterShare.least) last.deployments.push(deployment);
    else clusters.push({ share, deployments: [deployment] });
  }
  return clusters;
}

/** The greatest width without an overlap. All clusters have the same, so that single marks have one size. */
function widthOf(clusters: readonly Cluster[]): number {
  const distances = clusters.slice(1).map(({ share }, place) => share - (clusters[place]?.share ?? 0));
  return Math.min(clusterShare.most, ...distances);
}

/** The grid of a cluster's marks, three times as high as wide. */
function gridOf({ deployments }: Cluster) {
  const columns = Math.ceil(Math.sqrt(deployments.length / 3));
  const rows = Math.ceil(deployments.length / columns);
  return { columns, rows, height: (rows * markSize) / columns };
}

function heightOf(clusters: readonly Cluster[]): number {
  return Math.ceil(max(clusters, (cluster) => gridOf(cluster).height) ?? markSize);
}

interface Lane {
  /** Pixels. */
  readonly bottom: number;
  /** Width of each cluster, in percent. */
  readonly width: number;
  readonly linkTo: LinkTo;
}

/** The marks of a cluster in a box. A narrow box shrinks its marks, so that neighbours never overlap. */
function drawCluster(cluster: Cluster, { bottom, width, linkTo }: Lane): Html {
  const { columns, rows, height } = gridOf(cluster);
  const marks = cluster.deployments.map((deployment, place) => {
    const x = ((place % columns) + 0.5) * markSize;
    const y = (rows - Math.floor(place / columns) - 0.5) * markSize;
    return point(deployment, x, y, linkTo(deployment));
  });
  return html`<svg x="${percentOf(cluster.share - width / 2)}" width="${percentOf(width)}" y="${bottom - height}" height="${height}" viewBox="0 0 ${columns * markSize} ${rows * markSize}" preserveAspectRatio="xMidYMax">${marks}</svg>`;
}

function point({ number, at, causes }: DrawnDeployment, x: number, y: number, link: string): Html {
  const words = `#${number}, ${minuteWords(at)}: ${causes.length === 0 ? 'succeeded' : causeWords(causes)}`;
  return html`<a href="${link}" tabindex="-1"><title>${words}</title><svg class="at" x="${x}" y="${y}">${markPath(causes[0] ?? 'success')}</svg></a>`;
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
/** Pixels. `space`: from the lowest or highest point to the edge. */
const plot = { top: 4, bottom: 150, height: 172, space: 9 };
const labelled = [1, 10, 60, 600, 3600, 21_600, 86_400, 604_800, 2_592_000, 15_552_000];
/** Pixels between two labels of the scale. */
const leastDistance = 14;

/** One point for each commit, on a logarithmic scale, with median and 95th percentile as lines. */
export function leadTimeChart(explanation: Explanation, view: ExplainView): Html {
  const { drawn, figures } = explanation;
  const { median, p95 } = figures.changeLeadTime;
  const points = drawn.flatMap((deployment) =>
    deployment.leadTimes.map((seconds) => ({ deployment, seconds: Math.max(seconds, 1) })),
  );
  if (points.length === 0 || median === null || p95 === null) return html``;
  const lowest = Math.min(min(points, ({ seconds }) => seconds) ?? 1, median || 1);
  const highest = Math.max(max(points, ({ seconds }) => seconds) ?? 1, p95, 2 * lowest);
  const y = scaleLog([lowest, highest], [plot.bottom - plot.space, plot.top + plot.space]);
  const x = timeScale(explanation);
  const linkTo = linksOf(explanation, view);
  const levels = levelsOf(y);
  return html`<figure class="chart"><figcaption>Lead time of each commit, on a logarithmic scale</figcaption>
${besideScale(
  levels,
  plot.height,
  html`<svg class="plot" width="100%" height="${plot.height}" role="group" aria-label="Lead times of ${points.length} commits: median ${duration(median)}, 95th percentile ${duration(p95)}; each leads to its deployment in the table">
${gridLines(levels)}
${axis(x, plot.bottom, plot.height - 6)}
${points
  .slice(-mostPoints)
  .map(
    ({ deployment, seconds }) =>
      html`<a href="${linkTo(deployment)}" tabindex="-1"><title>#${deployment.number}: ${duration(seconds)}</title><circle class="sample" cx="${percentOf(x(new Date(deployment.at * 1000)))}" cy="${y(seconds)}" r="3"/></a>`,
  )}
${levelLine('p95', y(Math.max(p95, 1)))}${levelLine('median', y(Math.max(median, 1)))}
</svg>`,
)}${lineLegend(median, p95)}</figure>`;
}

/** The usual durations within the plot whose labels do not overlap. */
function levelsOf(y: (seconds: number) => number): readonly Level[] {
  const levels: Level[] = [];
  for (const seconds of labelled) {
    const level = { y: y(seconds), words: duration(seconds) };
    const isWithin = level.y < plot.bottom && level.y > plot.top;
    if (isWithin && (levels.at(-1)?.y ?? plot.height) - level.y >= leastDistance) levels.push(level);
  }
  return levels;
}

function levelLine(kind: 'median' | 'p95', y: number): Html {
  return html`<line class="${kind}" x1="0" x2="100%" y1="${y}" y2="${y}"/>`;
}

/** The legend of the lines. Labels in the chart would cover points. */
function lineLegend(median: number, p95: number): Html {
  const swatch = (kind: 'median' | 'p95') =>
    html`<svg class="plot glyph" width="22" height="10" aria-hidden="true"><line class="${kind}" x2="22" y1="5" y2="5"/></svg>`;
  return html`<ul class="legend"><li>${swatch('median')} median <strong>${duration(median)}</strong></li><li>${swatch('p95')} 95 % within <strong>${duration(p95)}</strong></li></ul>`;
}

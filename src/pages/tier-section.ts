/** A tier: its figures with trend, class and change, its deployments over time, and both as tables. */

import { html } from 'hono/html';
import type { FigureScore } from '../core/figures/shown-figure.ts';
import type { TierOverview } from '../core/overview.ts';
import type { Window } from '../core/policy.ts';
import { type FigureScores, scoredFigures, scoreOf } from '../core/quick-check-score.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { counted } from '../util/pluralize.ts';
import { deploymentLink, explainViewOf, listLink, type View, viewLink } from './addresses.ts';
import { barChart, barTable } from './bar-chart.ts';
import { causeWords, inlineMark } from './causes.ts';
import { changeWords } from './change-words.ts';
import { classWords, levelOf, type PageFigure, pageFigures, scoreWords, valueWords } from './figure-words.ts';
import type { Html } from './page.ts';
import { sparkline, type TrendPoint } from './sparkline.ts';
import { dayWords, keepUnits, moment, percent } from './words.ts';

export function tierSection(tier: TierOverview, view: View, at: number, index: number): Html {
  const { figures, bars, barSeconds, history } = tier;
  const { window } = view;
  const id = `tier-${index}`;
  return html`<section class="tier" aria-labelledby="${id}"><header><h2 id="${id}">${tier.tier}</h2>
<p class="small dim">${counted(tier.repos, 'repo')} over ${window.name}. ${coverageWords(figures)}</p>${figures ? overallWords(figures, window) : ''}</header>
${
  figures
    ? html`<div class="tiles">${pageFigures.map((figure) => tile(figure, figures, tier, window, at))}</div>
${barChart(bars, barSeconds)}
<div class="behind">${failedDetails(tier, view)}
<details><summary>As tables</summary>${barTable(bars, barSeconds)}${historyTable(tier, figures, at)}</details></div>`
    : html`<p class="panel">No deployment in any window.</p>`
}${history === null ? html`<p class="small dim">The trend is being computed: load the page again later.</p>` : ''}</section>`;
}

function coverageWords(figures: WindowFigures | null): Html {
  if (!figures) return html``;
  const { coverage } = figures;
  if (coverage === 1) return html`All of that time is known.`;
  return coverage === 0
    ? html`<strong class="warn">Nothing of that time is known for certain:</strong> the figures are of what was reported, and have no score.`
    : html`<strong class="warn">Only ${percent(coverage)} of that time is known:</strong> the figures are of that part.`;
}

/** The mean of the tier's scores, and the number of figures in it. */
function overallWords(figures: WindowFigures, window: Window): Html {
  const { overall, missing } = scoreOf(figures, window);
  if (overall === null) return html``;
  const all = scoredFigures.length;
  const scored = missing.length === 0 ? `all ${all}` : `${all - missing.length} of ${all}`;
  return html`<p class="small">Quick Check <span class="score ${levelOf({ score: overall })}">${scoreWords({ score: overall })}</span> <span class="dim">mean of ${scored} figures</span></p>`;
}

function tile(
  figure: PageFigure,
  figures: WindowFigures,
  { history }: TierOverview,
  window: Window,
  at: number,
): Html {
  const value = figure.valueOf(figures);
  const scores: FigureScores = scoreOf(figures, window).figures;
  const shown = history ?? [];
  const first = shown.findIndex((point) => point.figures !== null);
  const points: TrendPoint[] = [
    ...(first === -1 ? [] : shown.slice(first)).map((point) => ({
      end: point.end,
      value: point.figures && figure.valueOf(point.figures),
      coverage: point.figures?.coverage ?? 0,
    })),
    { end: at, value, coverage: figures.coverage },
  ];
  return html`<section class="tile"><h3>${figure.shortName}</h3>
<p class="value">${value === null && figure.countOf ? figure.countOf(figures) : valueWords(figure, figures)}</p>
<p class="small dim">${keepUnits(figure.detail(figures, figure.write))}</p>
${history === null ? html`<p class="small dim">not compared yet</p>` : changeWords(figure, figures, history.at(-1)?.figures ?? null, window)}
${sparkline(figure.shortName, points, figure.write)}
${badge(figure, scores[figure.key] ?? null)}</section>`;
}

/** The score on its colour, with the words of its class. */
function badge(figure: PageFigure, score: FigureScore | null): Html {
  if (!score) return html`<p class="small dim">no score</p>`;
  const mean = figure.quickCheck?.publishedMean;
  const title = `Quick Check: ${scoreWords(score)} of 10${score.class ? `, ${score.class.words}` : ''}. All who answered it have ${mean} on average.`;
  return html`<p class="small" title="${title}"><span class="score ${levelOf(score)}">${scoreWords(score)}</span> ${classWords(figure, score) ?? `others average ${mean}`}</p>`;
}

function failedDetails(tier: TierOverview, view: View): Html {
  const { failed } = tier;
  if (failed.length === 0) return html``;
  return html`<details><summary>The latest ${counted(failed.length, 'failed deployment')}</summary>
<div class="wide" tabindex="0"><table class="narrow"><thead><tr><th scope="col">When</th><th scope="col">Repo</th><th scope="col">Pipeline</th><th scope="col">Why</th></tr></thead>
<tbody>${failed.map(
    (
      one,
    ) => html`<tr><td>${moment(one.at)}</td><th scope="row"><a href="${deploymentLink(view, one)}">${one.repo}</a></th>
<td>${one.url === null ? `#${one.number}` : html`<a href="${one.url}">#${one.number}</a>`}</td><td class="nb">${one.causes.map(inlineMark)} ${causeWords(one.causes)}</td></tr>`,
  )}</tbody></table></div>
${allFailed(tier, view)}</details>`;
}

/** Links to all failed deployments, one for each repo, since an explanation is about one repo. */
function allFailed({ tier, figures, failedIn, otherFailedRepos }: TierOverview, view: View): Html {
  const links = failedIn.map(({ repo, deployments }, place) => {
    const link = listLink({ ...explainViewOf(view, repo, tier), show: 'failed' });
    return html`${place === 0 ? '' : ', '}<a href="${link}">${deployments} of ${repo}</a>`;
  });
  const table = viewLink(view, { tier, search: '', order: 'fail_rate', isDescending: true });
  const others = html`, and more of <a href="${`${table}#repos`}">${counted(otherFailedRepos, 'other repo')}</a>`;
  return html`<p>${counted(figures?.failedDeployments ?? 0, 'failed deployment')} in the whole ${view.window.name}, with causes and ends: ${links}${otherFailedRepos > 0 ? others : ''}.</p>`;
}

function historyTable({ history, tier }: TierOverview, figures: WindowFigures, at: number): Html {
  const earlier = (history ?? []).filter((point) => point.figures !== null);
  const rows = [...earlier, { end: at, figures }].toReversed();
  return html`<div class="wide" tabindex="0"><table class="narrow"><caption>The figures of ${tier} at the end of each window, latest first</caption>
<thead><tr><th scope="col">Window until</th>${pageFigures.map(({ shortName }) => html`<th scope="col" class="n">${shortName}</th>`)}<th scope="col" class="n">Known</th></tr></thead>
<tbody>${rows.map(
    ({ end, figures: shown }) =>
      html`<tr><th scope="row">${dayWords(end)}</th>${pageFigures.map(
        (figure) => html`<td class="n nb">${shown ? valueWords(figure, shown) : '–'}</td>`,
      )}<td class="n nb">${percent(shown?.coverage ?? null)}</td></tr>`,
  )}</tbody></table></div>`;
}

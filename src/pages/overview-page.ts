/** What is failing now, the figures of each tier, and those of each repo. */

import { html } from 'hono/html';
import type { Policy, Window } from '../core/policy.ts';
import { gauges, type Projected, type SeriesSample } from '../core/series/samples.ts';
import { figuresIn, type WindowFigures } from '../core/windows/window-figures.ts';
import { counted } from '../util/pluralize.ts';
import { firstSteps } from './first-steps.ts';
import { explainLink, type Html, renderPage } from './page.ts';
import { type Status, troublesOf } from './status.ts';
import { ago, medianOf, percent } from './words.ts';

export interface Overview extends Projected {
  readonly status: Status;
  /** Unix seconds. */
  readonly now: number;
  /** Its windows are those of series and tiers, in their order. */
  readonly policy: Pick<Policy, 'windows' | 'rework'>;
}

const mostSeriesShown = 500;

export async function renderOverviewPage(overview: Overview): Promise<string> {
  const { status } = overview;
  return renderPage(
    { title: 'DORA', current: '' },
    html`<h1 class="unseen">Overview</h1>
${status.notReady === null ? '' : html`<p class="panel notice"><strong>Not ready:</strong> ${status.notReady}. <a href="operations">Operations</a></p>`}
${troublesOf(status).length === 0 ? '' : html`<p class="panel notice">${counted(troublesOf(status).length, 'trouble')}: see <a href="operations">operations</a>.</p>`}
${firstSteps(status)}
${tiersSection(overview)}
${pairsSection(overview)}`,
  );
}

/** The window that figures are shown of: neither the shortest nor the longest, where there is such a one. */
function shownWindow(windows: readonly Window[]): Window | null {
  return windows.toSorted((a, b) => a.seconds - b.seconds)[windows.length >> 1] ?? null;
}

const figureHeadings = html`<th class="n">Deployments</th><th class="n">Lead time</th><th class="n">Fail rate</th><th class="n">Recovery</th><th class="n">Rework</th>`;

function figureCells(figures: WindowFigures | null): Html {
  const texts = figures
    ? [
        String(figures.deployments),
        medianOf(figures.changeLeadTime),
        percent(figures.changeFailRate),
        medianOf(figures.recoveryTime),
        percent(figures.reworkRate),
      ]
    : ['0', '–', '–', '–', '–'];
  return html`${texts.map((text) => html`<td class="n nb">${text}</td>`)}`;
}

function tiersSection({ tiers, policy, now }: Overview): Html {
  const window = shownWindow(policy.windows);
  if (tiers.length === 0 || !window) return html``;
  return html`<h2>Tiers over ${window.name}</h2>
<div class="wide"><table class="narrow"><tr><th>Tier</th>${figureHeadings}<th class="n">Known</th></tr>
${tiers.map((sample) => {
  const figures = figuresIn(sample, policy, window, now);
  return html`<tr><td>${sample.tier}</td>${figureCells(figures)}<td class="n nb">${percent(figures?.coverage ?? null)}</td></tr>`;
})}</table></div>
<p class="small dim">Times are medians. Known: how much of the window is, over all repos of the tier.</p>`;
}

function pairsSection({ series, policy, now }: Overview): Html {
  if (series.length === 0) return html``;
  const rows = series.map((sample) => ({ sample, ...timesOf(sample) }));
  rows.sort(
    (a, b) => Number(b.failingSince > 0) - Number(a.failingSince > 0) || a.failingSince - b.failingSince,
  );
  const shown = rows.slice(0, mostSeriesShown);
  const failing = rows.filter(({ failingSince }) => failingSince > 0).length;
  const window = shownWindow(policy.windows);
  return html`<h2>Deployments</h2>
<p>${counted(rows.length, 'pair')} of repo and tier, ${failing} failing.${window ? html` The last five columns are over ${window.name}; the name of a repo leads to where they come from.` : ''}</p>
<div class="wide"><table class="pairs"><tr><th>Repo</th><th>Tier</th><th>Last success</th><th>Last failure</th><th>Failing since</th>
<th class="n">Total</th><th class="n">Failed</th>${window ? figureHeadings : ''}</tr>
${shown.map(
  ({
    sample,
    success,
    failure,
    failingSince,
  }) => html`<tr><td class="name">${repoCell(sample, window)}</td><td>${sample.tier}</td>
<td>${ago(success, now)}</td><td>${ago(failure, now)}</td>
<td>${failingSince > 0 ? html`<span class="bad">${ago(failingSince, now)}</span>` : html`<span class="dim">–</span>`}</td>
<td class="n">${sample.totals.counters['dora_deployments_total'] ?? 0}</td>
<td class="n">${sample.totals.counters['dora_deployment_failures_total'] ?? 0}</td>${window ? figureCells(figuresIn(sample.windows, policy, window, now)) : ''}</tr>`,
)}</table></div>
${rows.length > shown.length ? html`<p>And ${rows.length - shown.length} more.</p>` : ''}`;
}

function repoCell({ repo, tier }: SeriesSample, window: Window | null): Html {
  if (!window) return html`${repo}`;
  return html`<a href="${explainLink({ repo, tier, window: window.name })}">${repo}</a>`;
}

function timesOf({ gauges: values }: SeriesSample): {
  success: number;
  failure: number;
  failingSince: number;
} {
  const gaugeNamed = (name: string) => values[gauges.findIndex((gauge) => gauge.name === name)] ?? 0;
  return {
    success: gaugeNamed('dora_deployment_last_success_timestamp'),
    failure: gaugeNamed('dora_deployment_last_failure_timestamp'),
    failingSince: gaugeNamed('dora_deployment_failing_since_timestamp'),
  };
}

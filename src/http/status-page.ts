/** The page a person looks at: is it well, what came in, which pairs are failing, what is counted and what not. */

import { html } from 'hono/html';
import type { IgnoreReason } from '../core/classification.ts';
import { type CronDominance, cronDominance } from '../core/cron-warning.ts';
import type { EventCount } from '../core/pipeline-counts.ts';
import type { Policy, Window } from '../core/policy.ts';
import { gauges, type SeriesSample } from '../core/series/samples.ts';
import type { TierSample } from '../core/windows/tier-windows.ts';
import { figuresIn, type WindowFigures } from '../core/windows/window-figures.ts';
import type { SourceActivity } from '../metrics/self-metrics.ts';
import type { BackfillSummary } from '../sources/backfill.ts';
import { counted } from '../util/pluralize.ts';
import { age, explainLink, type Html, iso, medianOf, percent, renderPage } from './page.ts';

export interface Status {
  readonly version: string;
  /** Unix seconds. */
  readonly now: number;
  readonly startedAt: number;
  /** Why it is not ready; `null` when it is. */
  readonly notReady: string | null;
  /** `null` in webhook-only mode. */
  readonly woodpecker: WoodpeckerStatus | null;
  /** `null`: none is asked. */
  readonly forge: ForgeStatus | null;
  readonly sources: readonly SourceActivity[];
  readonly following: number;
  readonly backfills: readonly BackfillSummary[];
  readonly series: readonly SeriesSample[];
  readonly tiers: readonly TierSample[];
  /** Its windows are those of series and tiers, in their order. */
  readonly policy: Pick<Policy, 'windows' | 'rework'>;
  /** Repos that are prepared for another policy; `null`: there is none. */
  readonly adoption?: { readonly done: number; readonly of: number } | null;
  readonly ignored: readonly { readonly reason: IgnoreReason; readonly pipelines: number }[];
  readonly events: readonly EventCount[];
}

export interface ForgeStatus {
  readonly url: string;
  /** Deployments that it is still to be asked for. */
  readonly pending: number;
  /** What is wrong and what to do, as it was logged. */
  readonly troubles: readonly string[];
}

export interface WoodpeckerStatus {
  readonly url: string;
  readonly isUp: boolean | null;
  /** `null`: the event stream is not followed. */
  readonly isStreaming: boolean | null;
  /** What is wrong and what to do, as it was logged. */
  readonly troubles: readonly string[];
  /** Repos that wait to be brought up to date. */
  readonly backlog: number;
  /** Unix seconds of the last round; `null`: none since the start. */
  readonly reconciledAt: number | null;
  /** Ends that reconciliation has found since the start, and webhook and stream had not told. */
  readonly missed: number;
}

const mostSeriesShown = 500;

const missingRepoNote = html`<p class="dim">A repo is missing? The token's user must have the right to push to it. Woodpecker
takes note of that right when the user logs in, so log in again if somebody else has activated a private repo since, or
take an administrator's token.</p>`;

export async function renderStatusPage(status: Status): Promise<string> {
  return renderPage(
    'woodpecker-dora-exporter',
    html`<h1>woodpecker-dora-exporter <span class="dim">${status.version}</span></h1>
${adoptionLine(status)}<p>${status.notReady === null ? html`<span class="good">Ready</span>` : html`<span class="bad">Not ready:</span> ${status.notReady}`},
running for ${age(status.now - status.startedAt)}. ${woodpeckerLine(status)}${forgeLine(status)}
Figures are at <a href="metrics"><code>metrics</code></a>, and described with all else at <a href="api/openapi.json"><code>api/openapi.json</code></a>.</p>
${[...(status.woodpecker?.troubles ?? []), ...(status.forge?.troubles ?? [])].map((trouble) => html`<p class="bad">${trouble}</p>`)}
${tiersSection(status)}
${pairsSection(status)}
${status.woodpecker ? missingRepoNote : ''}
${sourcesSection(status)}
${backfillSection(status)}
${eventsSection(status)}
${ignoredSection(status)}`,
  );
}

function woodpeckerLine({ woodpecker, following, now }: Status): Html {
  if (!woodpecker) return html`No Woodpecker to ask: what webhooks tell is all there is.`;
  const { url, isUp, isStreaming, backlog, reconciledAt, missed } = woodpecker;
  const health =
    isUp === null
      ? html`has not been asked yet`
      : isUp
        ? html`<span class="good">answers</span>`
        : html`<span class="bad">does not answer as it should</span>`;
  return html`Woodpecker at <code>${url}</code> ${health}${streamWords(isStreaming)}; ${counted(following, 'unfinished pipeline is', 'unfinished pipelines are')}
followed, ${counted(backlog, 'repo waits', 'repos wait')} to be brought up to date. Last reconciliation: ${moment(reconciledAt ?? 0, now)};
ends it has found since the start that webhook and stream had missed: ${missed}.`;
}

function forgeLine({ forge }: Status): Html {
  if (!forge) return html``;
  const pending = counted(forge.pending, 'deployment');
  return html` Lead times come from the forge at <code>${forge.url}</code>, which is still to be asked for ${pending}.`;
}

function streamWords(isStreaming: boolean | null): Html {
  if (isStreaming === null) return html``;
  return isStreaming
    ? html`, its event stream is connected`
    : html`, its event stream is <span class="bad">not connected</span>`;
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

function adoptionLine({ adoption }: Status): Html | '' {
  if (!adoption) return '';
  return html`<p>Another policy is being adopted: ${adoption.done} of ${counted(adoption.of, 'repo')} done. Figures stay as they are until then.</p>
`;
}

function tiersSection({ tiers, policy, now }: Status): Html {
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

function pairsSection({ series, policy, now }: Status): Html {
  if (series.length === 0) return html`<h2>Deployments</h2><p>None known yet.</p>`;
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
<td>${moment(success, now)}</td><td>${moment(failure, now)}</td>
<td>${failingSince > 0 ? html`<span class="bad">${moment(failingSince, now)}</span>` : html`<span class="dim">–</span>`}</td>
<td class="n">${sample.totals.counters['dora_deployments_total'] ?? 0}</td>
<td class="n">${sample.totals.counters['dora_deployment_failures_total'] ?? 0}</td>${window ? figureCells(figuresIn(sample.windows, policy, window, now)) : ''}</tr>`,
)}</table></div>
${rows.length > shown.length ? html`<p>And ${rows.length - shown.length} more.</p>` : ''}`;
}

function repoCell({ repo, tier }: SeriesSample, window: Window | null): Html {
  if (!window) return html`${repo}`;
  return html`<a href="${explainLink({ repo, tier, window: window.name })}">${repo}</a>`;
}

function sourcesSection({ sources, now }: Status): Html {
  return html`<h2>Sources</h2>
<table><tr><th>Source</th><th>Last news</th><th>Since the start</th></tr>
${sources.map(
  ({ source, lastAt, results }) => html`<tr><td>${source}</td><td>${moment(lastAt ?? 0, now)}</td>
<td>${results.length === 0 ? html`<span class="dim">nothing</span>` : results.map(({ result, count }) => `${count} ${result}`).join(', ')}</td></tr>`,
)}</table>`;
}

function backfillSection({ backfills, woodpecker, now }: Status): Html {
  if (!woodpecker) return html``;
  return html`<h2>Backfills</h2>
<div class="wide"><table><tr><th>Started</th><th>State</th><th class="n">Repos</th><th class="n">Scanned</th><th class="n">Stored</th><th>Errors</th></tr>
${backfills.map(
  (
    backfill,
  ) => html`<tr><td>${startOf(backfill, now)}</td><td>${backfill.state}${backfill.dry_run ? ' (dry run)' : ''}${backfill.message === undefined ? '' : html`<div class="dim">${backfill.message}</div>`}</td>
<td class="n">${backfill.repos}</td><td class="n">${backfill.pipelines.scanned}</td><td class="n">${backfill.pipelines.stored}</td>
<td>${backfill.errors.length === 0 ? html`<span class="dim">none</span>` : backfill.errors.slice(0, 5).map(({ repo, message }) => html`<div><span class="bad">${repo}:</span> ${message}</div>`)}</td></tr>`,
)}</table></div>`;
}

/** As it stands where it is no time. */
function startOf({ started }: BackfillSummary, now: number): Html {
  const at = Math.floor(Date.parse(started) / 1000);
  return Number.isNaN(at) ? html`${started}` : moment(at, now);
}

function eventsSection({ events }: Status): Html {
  return html`<h2>Deployments by event</h2>
${cronDominance(events).map(cronNote)}
${
  events.length === 0
    ? html`<p>None known yet.</p>`
    : html`<table class="narrow"><tr><th>Tier</th><th>Event</th><th class="n">Deployments stored</th></tr>
${events.map(({ tier, event, deployments }) => html`<tr><td>${tier}</td><td>${event}</td><td class="n">${deployments}</td></tr>`)}</table>`
}`;
}

function cronNote({ tier, share, remedy }: CronDominance): Html {
  return html`<p>Cron brings ${Math.round(share * 100)} % of the deployments of <code>${tier}</code>: nightly runs inflate
frequency and close failures. To leave them out, set in the policy <code>${remedy}</code></p>`;
}

function ignoredSection({ ignored }: Status): Html {
  const some = ignored.filter(({ pipelines }) => pipelines > 0);
  return html`<h2>Not counted</h2>
${
  some.length === 0
    ? html`<p>Every stored pipeline counts.</p>`
    : html`<table class="narrow"><tr><th>Reason</th><th class="n">Pipelines</th></tr>
${some.map(({ reason, pipelines }) => html`<tr><td class="nb">${reason}</td><td class="n">${pipelines}</td></tr>`)}</table>`
}`;
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

function moment(at: number, now: number): Html {
  if (at === 0) return html`<span class="dim">never</span>`;
  return html`<time datetime="${iso(at)}" title="${iso(at)}">${age(now - at)} ago</time>`;
}

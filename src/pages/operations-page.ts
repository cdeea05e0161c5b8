/** The page about the exporter itself: readiness, connections, sources, backfills, and pipelines that do not count. */

import { html } from 'hono/html';
import { type CronDominance, cronDominance } from '../core/cron-warning.ts';
import type { BackfillSummary } from '../sources/backfill.ts';
import { counted } from '../util/pluralize.ts';
import { firstSteps } from './first-steps.ts';
import { type Html, renderPage } from './page.ts';
import { reasonWords } from './reason-words.ts';
import { type Status, troublesOf, type WoodpeckerStatus } from './status.ts';
import { age, ago } from './words.ts';

export async function renderOperationsPage(status: Status): Promise<string> {
  return renderPage(
    { title: 'Operations', current: 'operations' },
    html`<h1>Operations</h1>
${readiness(status)}
${adoption(status)}
${troublesOf(status).map((trouble) => html`<p class="panel trouble">${trouble}</p>`)}
${firstSteps(status)}
${connections(status)}
<div class="panels">
${sourcesSection(status)}
${eventsSection(status)}
${ignoredSection(status)}
${missingRepos(status)}
</div>
${backfillSection(status)}
<p class="small dim">woodpecker-dora-exporter ${status.version}. Figures for Prometheus: <a href="metrics"><code>metrics</code></a>.
All routes: <a href="api/openapi.json"><code>api/openapi.json</code></a>.</p>`,
  );
}

function readiness({ notReady, now, startedAt }: Status): Html {
  const running = `running for ${age(now - startedAt)}`;
  return notReady === null
    ? html`<p class="panel fine"><strong class="good">✓ Ready</strong>, ${running}.</p>`
    : html`<p class="panel notice"><strong>Not ready:</strong> ${notReady}, ${running}.</p>`;
}

function adoption({ adoption: progress }: Status): Html {
  if (!progress) return html``;
  return html`<p class="panel notice">Another policy is being adopted: ${progress.done} of ${counted(progress.of, 'repo')} done. Figures stay as they are until then.</p>`;
}

function connections(status: Status): Html {
  const { woodpecker, forge, following, now } = status;
  const fact = (name: string, value: Html | string) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`<section class="panel"><h2>Connections</h2><dl class="facts">
${
  woodpecker
    ? html`${fact('Woodpecker', html`<code>${woodpecker.url}</code> ${health(woodpecker)}`)}
${fact('Event stream', stream(woodpecker))}
${fact('Last reconciliation', ago(woodpecker.reconciledAt ?? 0, now))}
${fact('Missed by webhook and stream', html`${counted(woodpecker.missed, 'end')} found since the start`)}
${fact('Waiting for a sync', counted(woodpecker.backlog, 'repo'))}`
    : fact('Woodpecker', 'None: webhooks are the only source')
}
${fact('Polled until their end', counted(following, 'pipeline'))}
${forge ? fact('Forge', html`<code>${forge.url}</code>, ${counted(forge.pending, 'deployment')} still to be looked up`) : ''}
${fact('Known', `${counted(status.repos, 'repo')}, ${counted(status.pairs, 'pair')} of repo and tier`)}
</dl></section>`;
}

function health({ isUp }: WoodpeckerStatus): Html {
  if (isUp === null) return html`was not asked yet`;
  return isUp
    ? html`<span class="good">answers</span>`
    : html`<span class="bad">gives no usable answer</span>`;
}

function stream({ isStreaming }: WoodpeckerStatus): Html {
  if (isStreaming === null) return html`<span class="dim">disabled</span>`;
  return isStreaming
    ? html`<span class="good">connected</span>`
    : html`<span class="bad">not connected</span>`;
}

function sourcesSection({ sources, now }: Status): Html {
  return html`<section class="panel"><h2>Sources</h2>
<div class="wide" tabindex="0"><table><thead><tr><th scope="col">Source</th><th scope="col">Last event</th><th scope="col">Since the start</th></tr></thead>
<tbody>${sources.map(
    ({ source, lastAt, results }) => html`<tr><th scope="row">${source}</th><td>${ago(lastAt ?? 0, now)}</td>
<td>${results.length === 0 ? html`<span class="dim">nothing</span>` : results.map(({ result, count }) => `${count} ${result}`).join(', ')}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function backfillSection({ backfills, woodpecker, now }: Status): Html {
  if (!woodpecker) return html``;
  return html`<section class="panel"><h2>Backfills</h2>
${
  backfills.length === 0
    ? html`<p>None yet.</p>`
    : html`<div class="wide" tabindex="0"><table><thead><tr><th scope="col">Started</th><th scope="col">State</th><th scope="col" class="n">Repos</th><th scope="col" class="n">Scanned</th><th scope="col" class="n">Stored</th><th scope="col">Errors</th></tr></thead>
<tbody>${backfills.map((backfill) => backfillRow(backfill, now))}</tbody></table></div>`
}</section>`;
}

function backfillRow(backfill: BackfillSummary, now: number): Html {
  const { state, message, repos, pipelines, errors } = backfill;
  return html`<tr><td>${startOf(backfill, now)}</td><td>${state}${backfill.dry_run ? ' (dry run)' : ''}${message === undefined ? '' : html`<div class="dim">${message}</div>`}</td>
<td class="n">${repos}</td><td class="n">${pipelines.scanned}</td><td class="n">${pipelines.stored}</td>
<td>${errors.length === 0 ? html`<span class="dim">none</span>` : errors.slice(0, 5).map((error) => html`<div><span class="bad">${error.repo}:</span> ${error.message}</div>`)}</td></tr>`;
}

/** The given text if it is no time. */
function startOf({ started }: BackfillSummary, now: number): Html {
  const at = Math.floor(Date.parse(started) / 1000);
  return Number.isNaN(at) ? html`${started}` : ago(at, now);
}

function eventsSection({ events }: Status): Html {
  return html`<section class="panel"><h2>Deployments by event</h2>
${cronDominance(events).map(cronNote)}
${
  events.length === 0
    ? html`<p>None known yet.</p>`
    : html`<div class="wide" tabindex="0"><table><thead><tr><th scope="col">Tier</th><th scope="col">Event</th><th scope="col" class="n">Deployments stored</th></tr></thead>
<tbody>${events.map(({ tier, event, deployments }) => html`<tr><td>${tier}</td><td>${event}</td><td class="n">${deployments}</td></tr>`)}</tbody></table></div>`
}</section>`;
}

function cronNote({ tier, share, remedy }: CronDominance): Html {
  return html`<p>${Math.round(share * 100)} % of the deployments of <code>${tier}</code> are cron runs: nightly runs inflate
frequency and close failures. To leave them out, set in the policy <code>${remedy}</code></p>`;
}

function ignoredSection({ ignored }: Status): Html {
  const some = ignored.filter(({ pipelines }) => pipelines > 0);
  return html`<section class="panel"><h2>Not counted</h2>
${
  some.length === 0
    ? html`<p>Every stored pipeline counts.</p>`
    : html`<div class="wide" tabindex="0"><table><thead><tr><th scope="col">Reason</th><th scope="col">Meaning</th><th scope="col" class="n">Pipelines</th></tr></thead>
<tbody>${some.map(({ reason, pipelines }) => html`<tr><th scope="row" class="nb"><code>${reason}</code></th><td>${reasonWords[reason]}</td><td class="n">${pipelines}</td></tr>`)}</tbody></table></div>`
}</section>`;
}

function missingRepos({ woodpecker }: Status): Html {
  if (!woodpecker) return html``;
  return html`<section class="panel"><h2>Is a repo missing?</h2><p>The token's user must have the right to push to it. Woodpecker
reads that right when the user logs in. If somebody else has activated a private repo since, log in again, or take an
administrator's token. A repo also stays hidden until its first backfill is complete.</p></section>`;
}

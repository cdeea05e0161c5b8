/** The explanation of a series for a person: its figures, and pipeline by pipeline what came of it. */

import { html } from 'hono/html';
import type { DeploymentPart, EpisodePart, ExplainedPipeline, Explanation } from '../core/explain.ts';
import type { Delivery } from '../core/figures/change-lead-time.ts';
import type { Window } from '../core/policy.ts';
import type { TimeFigure } from '../core/windows/window-figures.ts';
import { iso } from '../util/moment.ts';
import { counted } from '../util/pluralize.ts';
import { leadTimeChart, rowId, timeline } from './explain-charts.ts';
import { missedPartWords } from './missed-part-words.ts';
import { explainLink, type Html, renderPage } from './page.ts';
import { reasonWords } from './reason-words.ts';
import { pipelineLink, verdictWords } from './verdict-words.ts';
import { age, duration, medianOf, moment, percent } from './words.ts';

export interface ExplainPageOptions {
  readonly windows: readonly Window[];
  /** Query for the rest of the list; `null` where it is at its end. */
  readonly older: string | null;
  /** Whether it was asked for as of now: other windows are then too. */
  readonly isOfNow: boolean;
}

const mostCommitsShown = 50;

export async function renderExplanation(
  explanation: Explanation,
  { windows, older, isOfNow }: ExplainPageOptions,
): Promise<string> {
  const { repo, tier, window, at } = explanation;
  const asOf: Readonly<Record<string, string>> = isOfNow ? {} : { at: iso(at) };
  const links = windows.map(({ name }) =>
    name === window.name
      ? html`<strong aria-current="page">${name}</strong>`
      : html`<a href="${explainLink({ repo, tier, window: name, ...asOf })}">${name}</a>`,
  );
  const json = `api/${explainLink({ repo, tier, window: window.name, at: iso(at) })}`;
  return renderPage(
    { title: `${repo} (${tier}), ${window.name}` },
    html`<h1>${repo} <span class="dim">${tier}</span></h1>
<nav aria-label="Window"><span class="dim">Window</span> ${links}</nav>
<p>After ${moment(at - window.seconds)}, up to ${moment(at)} (UTC).${coverageNote(explanation)}${failingNote(explanation)}</p>
${cards(explanation)}
${timeline(explanation, isOfNow)}
${leadTimeChart(explanation, isOfNow)}
${uncountedSection(explanation)}
${pipelinesSection(explanation, older)}
<p class="small">The same as <a href="${json}">JSON</a>, where all commits are listed.</p>`,
  );
}

function coverageNote({ figures: { coverage } }: Explanation): Html {
  if (coverage === 1) return html``;
  return html` Only <strong>${percent(coverage)}</strong> of that time is known: the figures are of what was seen of it.`;
}

function failingNote({ failingSince, at }: Explanation): Html {
  if (failingSince === 0) return html``;
  return html` <span class="bad">Failing</span> since ${moment(failingSince)}, for ${age(at - failingSince)}: it is in no
recovery time until it ends.`;
}

function cards({ figures, window, withoutLeadTime }: Explanation): Html {
  const { deployments, failedDeployments, reworkDeployments, changeLeadTime, recoveryTime } = figures;
  const { deploymentsPerDay: perDay } = figures;
  return html`<div class="cards">
${card(
  'Deployment frequency',
  String(deployments),
  `in ${window.name}${deployments > 1 && perDay !== null ? `: ${perTime(perDay)}` : ''}`,
)}
${card(
  'Change lead time',
  medianOf(changeLeadTime),
  timeWords(changeLeadTime, 'commit'),
  missingWords(withoutLeadTime),
)}
${card(
  'Change fail rate',
  percent(figures.changeFailRate),
  deployments === 0 ? 'no deployment to divide by' : `${failedDeployments} of ${deployments} failed`,
)}
${card('Failed deployment recovery time', medianOf(recoveryTime), timeWords(recoveryTime, 'recovery'))}
${card('Deployment rework rate', percent(figures.reworkRate), reworkWords(reworkDeployments, deployments))}
</div>`;
}

function reworkWords(reworkDeployments: number | null, deployments: number): string {
  if (reworkDeployments === null) return 'the policy has no rules for it';
  return deployments === 0
    ? 'no deployment to divide by'
    : `${reworkDeployments} of ${deployments} unplanned`;
}

function card(title: string, value: string, ...lines: readonly string[]): Html {
  return html`<section class="card"><h2>${title}</h2><p class="value">${value}</p>
${lines.filter((line) => line !== '').map((line) => html`<p class="small dim">${line}</p>`)}</section>`;
}

/** Empty where none is missing. */
function missingWords({ unknown, pending }: Explanation['withoutLeadTime']): string {
  const toBeAsked = 'still to be looked up';
  if (unknown === 0) return pending === 0 ? '' : `${counted(pending, 'deployment')} ${toBeAsked}`;
  const told = `${counted(unknown, 'deployment')} without a commit time`;
  return pending === 0 ? told : `${told}, ${pending} ${toBeAsked}`;
}

function perTime(perDay: number): string {
  if (perDay >= 1) return `${Number(perDay.toFixed(1))} a day`;
  return perDay * 7 >= 1
    ? `${Number((perDay * 7).toFixed(1))} a week`
    : `one every ${Math.round(1 / perDay)} days`;
}

function timeWords({ samples, p95 }: TimeFigure, noun: 'commit' | 'recovery'): string {
  const many = noun === 'commit' ? 'commits' : 'recoveries';
  if (p95 === null) return `no ${noun} in the window to tell it`;
  return `median of ${counted(samples, noun, many)}; 95th percentile ${duration(p95)}`;
}

function uncountedSection({ uncounted }: Explanation): Html {
  if (uncounted.length === 0) return html``;
  const all = uncounted.reduce((sum, { pipelines }) => sum + pipelines, 0);
  return html`<h2>Not counted: ${counted(all, 'pipeline')}</h2>
<table class="narrow">${uncounted.map(
    ({ reason, pipelines }) =>
      html`<tr><td class="n">${pipelines}</td><td class="nb"><code>${reason}</code></td><td class="dim">${reasonWords[reason]}</td></tr>`,
  )}</table>`;
}

function pipelinesSection({ pipelines, at }: Explanation, older: string | null): Html {
  if (pipelines.length === 0) return html`<h2>Pipelines</h2><p>None in the window.</p>`;
  return html`<h2>Pipelines, latest first</h2>
<div class="wide" tabindex="0"><table class="story"><thead><tr><th scope="col">When</th><th scope="col">Pipeline</th><th scope="col">What it is</th><th scope="col">Its part in the figures</th></tr></thead>
<tbody>${pipelines.map((pipeline) => pipelineRow(pipeline, at))}</tbody></table></div>
${older === null ? '' : html`<p><a href="explain${older}">Earlier ones</a></p>`}`;
}

function pipelineRow({ place, record, url, verdict, missedPart }: ExplainedPipeline, now: number): Html {
  const name = `#${place.number}`;
  const words = [record.event, record.branch, record.deployTo && `to ${record.deployTo}`].filter(Boolean);
  const what = html`${words.join(', ')} <code class="dim">${record.commit.slice(0, 8)}</code>
<div class="small dim">${firstLine(record.message)}</div>`;
  const isCounted = verdict.kind === 'deployment';
  return html`<tr id="${rowId(place)}"${isCounted ? '' : html` class="dim"`}><td>${moment(place.at, now)}</td>
<td class="nb">${url === null ? name : html`<a href="${url}">${name}</a>`} ${outcome(record.status, verdict)}</td>
<td class="what">${what}</td>
<td class="part">${isCounted ? partWords(verdict.part, url) : html`Not counted: ${missedPart ? missedPartWords(missedPart) : reasonWords[verdict.reason]}`}</td></tr>`;
}

function outcome(status: string, verdict: ExplainedPipeline['verdict']): Html {
  if (verdict.kind === 'uncounted') return html`${status}`;
  return verdict.part.deployment.verdict.causes.length > 0
    ? html`<span class="bad">${status}</span>`
    : html`<span class="good">${status}</span>`;
}

function partWords({ deployment, episode, delivery }: DeploymentPart, url: string | null): Html {
  const sentences = [
    ...verdictWords(deployment, (number) => pipelineLink(url, deployment.number, number)),
    episodeWords(episode),
    deployment.verdict.isRework ? 'Unplanned repair.' : '',
    delivery ? deliveryWords(delivery) : '',
  ];
  return html`${sentences.filter((sentence) => sentence !== '').map((sentence) => html`<div>${sentence}</div>`)}`;
}

function episodeWords(episode: EpisodePart): Html | string {
  switch (episode.kind) {
    case 'none':
      return '';
    case 'opened':
      return html`<span class="bad">Opened</span> an episode of failures.`;
    case 'continued':
      return html`Part of the episode of failures since ${moment(episode.since)}.`;
    case 'closed':
      return html`<span class="good">Recovered</span> after ${duration(episode.recoverySeconds)}, failing since ${moment(episode.since)}.`;
    default:
      return episode satisfies never;
  }
}

const sourceWords = {
  forge: 'times from the forge',
  report: 'time reported by a step',
  pipeline: "time of the commit's first pipeline",
} as const;

function deliveryWords(delivery: Delivery): Html | string {
  switch (delivery.kind) {
    case 'nothing_new':
      return 'Brought nothing new: its commit was deployed before.';
    case 'pending':
      return 'Lead time: the forge is still to be asked.';
    case 'unknown':
      return 'Lead time unknown: nothing tells when its commit was made.';
    case 'known':
      return knownDelivery(delivery);
    default:
      return delivery satisfies never;
  }
}

function knownDelivery({ commits, source }: Extract<Delivery, { kind: 'known' }>): Html | string {
  const [first] = commits;
  if (!first) return 'Brought only merges, and commits that were deployed before.';
  if (commits.length === 1) {
    return html`Lead time ${duration(first.leadTimeSeconds)} <span class="dim">(${sourceWords[source]})</span>.`;
  }
  const times = commits.map(({ leadTimeSeconds }) => leadTimeSeconds).sort((a, b) => a - b);
  const shown = commits.slice(0, mostCommitsShown);
  const more = commits.length - shown.length;
  return html`<details><summary>${commits.length} commits, lead times from ${duration(times[0] ?? 0)} to ${duration(times.at(-1) ?? 0)}
<span class="dim">(${sourceWords[source]})</span></summary><ul>
${shown.map(({ id, leadTimeSeconds }) => html`<li><code>${id.slice(0, 12)}</code> ${duration(leadTimeSeconds)}</li>`)}
${more > 0 ? html`<li>and ${more} more</li>` : ''}</ul></details>`;
}

function firstLine(message: string): string {
  return message.trimStart().split(/\r?\n/, 1)[0]?.slice(0, 120).toWellFormed() ?? '';
}

/** The page of a repo and tier: its figures, and the pipelines behind them. */

import { html } from 'hono/html';
import {
  type DeploymentPart,
  type ExplainedPipeline,
  type Explanation,
  type Listing,
  listings,
} from '../core/explain.ts';
import type { Window } from '../core/policy.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { counted } from '../util/pluralize.ts';
import {
  type ExplainView,
  explainFields,
  explainLink,
  listLink,
  readSort,
  rowId,
  usualOrder,
  viewLink,
} from './addresses.ts';
import { changeWords } from './change-words.ts';
import { asOfForm, choices } from './controls.ts';
import { leadTimeChart, timeline } from './explain-charts.ts';
import { type PageFigure, pageFigures, valueWords } from './figure-words.ts';
import { missedPartWords } from './missed-part-words.ts';
import { type Html, renderPage } from './page.ts';
import { partWords } from './part-words.ts';
import { reasonWords } from './reason-words.ts';
import { age, firstLine, keepUnits, moment, percent } from './words.ts';

export interface ExplainPageOptions {
  readonly windows: readonly Window[];
  /** Query for the rest of the list; `null`: it is complete. */
  readonly older: string | null;
  /** Whether the page shows the present: its links then lead to pages of the present. */
  readonly isOfNow: boolean;
  /** By default everything. */
  readonly show?: Listing;
  /** Figures of the window before; `null`: nothing was shown then. */
  readonly before?: WindowFigures | null;
}

export async function renderExplanation(
  explanation: Explanation,
  { windows, older, isOfNow, show = 'everything', before = null }: ExplainPageOptions,
): Promise<string> {
  const { repo, tier, tiers, window, at } = explanation;
  const asOf = isOfNow ? null : at;
  const view = { repo, tier, window: window.name, show, at: asOf };
  const { at: _, ...kept } = explainFields(view);
  const ofWindows = windows.map(({ name }) => ({
    words: name,
    isChosen: name === window.name,
    link: explainLink({ ...view, window: name }),
  }));
  const ofTiers = tiers.map((name) => ({
    words: name,
    isChosen: name === tier,
    link: explainLink({ ...view, tier: name }),
  }));
  const json = `api/${explainLink({ ...view, at })}`;
  const yieldToEventLoop = createEventLoopYield();
  const charts: Html[] = [];
  for (const draw of [timeline, leadTimeChart]) {
    charts.push(draw(explanation, view));
    await yieldToEventLoop();
  }
  const list = pipelinesSection(explanation, view, older);
  await yieldToEventLoop();
  return renderPage(
    { title: `${repo} (${tier}), ${window.name}` },
    html`<h1>${repo} <a class="dim" href="${viewLink({ window, tier, at: asOf, search: '', ...readSort(usualOrder) })}">${tier}</a></h1>
<div class="controls">${choices('Window', ofWindows)}
${tiers.length < 2 ? '' : choices('Tier', ofTiers)}
${asOfForm({ page: 'explain', kept, at: asOf, nowLink: explainLink({ ...view, at: null }) })}</div>
<p>After ${moment(at - window.seconds)}, up to ${moment(at)} (UTC).${coverageNote(explanation)}${failingNote(explanation)}</p>
${cards(explanation, before)}
${charts}
${uncountedSection(explanation)}
${list}
<p class="small">The same as <a href="${json}">JSON</a>, where all commits are listed.</p>`,
  );
}

function coverageNote({ figures: { coverage } }: Explanation): Html {
  if (coverage === 1) return html``;
  if (coverage === 0)
    return html` <strong>Nothing</strong> of that time is known for certain: the figures are of what was reported.`;
  return html` Only <strong>${percent(coverage)}</strong> of that time is known: the figures are of what was seen of it.`;
}

function failingNote({ failingSince, at }: Explanation): Html {
  if (failingSince === 0) return html``;
  return html` <span class="bad">Failing</span> since ${moment(failingSince)}, for ${age(at - failingSince)}: it is in no
recovery time until it ends.`;
}

function cards({ figures, window, withoutLeadTime }: Explanation, before: WindowFigures | null): Html {
  const card = (figure: PageFigure): Html => {
    const missing = figure.key === 'change_lead_time' ? missingWords(withoutLeadTime) : '';
    const lines = [figure.explanation(figures, figure.write, window), missing].filter((line) => line !== '');
    return html`<section class="card"><h2>${figure.name}</h2><p class="value">${figure.countOf?.(figures) ?? valueWords(figure, figures)}</p>
${lines.map((line) => html`<p class="small dim">${keepUnits(line)}</p>`)}${changeWords(figure, figures, before, window)}</section>
`;
  };
  return html`<div class="cards">
${pageFigures.map(card)}</div>`;
}

/** Empty if no lead time is missing. */
function missingWords({ unknown, pending }: Explanation['withoutLeadTime']): string {
  const toBeAsked = 'still to be looked up';
  if (unknown === 0) return pending === 0 ? '' : `${counted(pending, 'deployment')} ${toBeAsked}`;
  const told = `${counted(unknown, 'deployment')} without a commit time`;
  return pending === 0 ? told : `${told}, ${pending} ${toBeAsked}`;
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

const listingWords: Readonly<Record<Listing, string>> = {
  everything: 'Pipelines',
  deployments: 'Deployments',
  failed: 'Failed deployments',
};

function pipelinesSection({ pipelines, at }: Explanation, view: ExplainView, older: string | null): Html {
  const words = listingWords[view.show];
  if (pipelines.length === 0) {
    const others = view.show === 'everything' ? '' : listingChoices(view);
    return html`<header class="bar"><h2 id="pipelines">${words}</h2>${others}</header><p>None in the window.</p>`;
  }
  return html`<header class="bar"><h2 id="pipelines">${words}, latest first</h2>${listingChoices(view)}</header>
<div class="wide" tabindex="0"><table class="story"><thead><tr><th scope="col">When</th><th scope="col">Pipeline</th><th scope="col">What it is</th><th scope="col">Its part in the figures</th></tr></thead>
<tbody>${pipelines.map((pipeline) => pipelineRow(pipeline, at))}</tbody></table></div>
${older === null ? '' : html`<p><a href="explain${older}">Earlier ones</a></p>`}`;
}

function listingChoices(view: ExplainView): Html {
  const ofListings = listings.map((show) => ({
    words: show === 'everything' ? 'everything' : listingWords[show].toLowerCase(),
    isChosen: show === view.show,
    link: listLink({ ...view, show }),
  }));
  return choices('Show', ofListings);
}

function pipelineRow(pipeline: ExplainedPipeline, now: number): Html {
  const { place, record, url, verdict, missedPart, failedPart } = pipeline;
  const name = `#${place.number}`;
  const words = [record.event, record.branch, record.deployTo && `to ${record.deployTo}`].filter(Boolean);
  const what = html`${words.join(', ')} <code class="dim">${record.commit.slice(0, 8)}</code>
<div class="small dim">${firstLine(record.message, 120)}</div>`;
  const isCounted = verdict.kind === 'deployment';
  return html`<tr id="${rowId(place)}"${isCounted ? '' : html` class="dim"`}><td>${moment(place.at, now)}</td>
<td class="nb">${url === null ? name : html`<a href="${url}">${name}</a>`} ${outcome(record.status, verdict)}</td>
<td class="what">${what}</td>
<td class="part">${isCounted ? html`${partSucceeded(record.status, verdict.part)}${partWords(verdict.part, url, failedPart)}` : html`Not counted: ${missedPart ? missedPartWords(missedPart) : reasonWords[verdict.reason]}`}</td></tr>`;
}

/** The status is coloured only if it agrees with the outcome of the deployment. */
function outcome(status: string, verdict: ExplainedPipeline['verdict']): Html {
  const hasFailed = verdict.kind === 'deployment' && verdict.part.deployment.verdict.causes.length > 0;
  if (verdict.kind === 'uncounted' || hasFailed === (status === 'success')) return html`${status}`;
  return html`<span class="${hasFailed ? 'bad' : 'good'}">${status}</span>`;
}

/** The reason why a pipeline that did not succeed is a successful deployment. */
function partSucceeded(status: string, { deployment }: DeploymentPart): Html | string {
  const isOtherwise = status !== 'success' && deployment.outcome === 'success';
  return isOtherwise ? html`<div>Deployed: the part that deploys succeeded.</div>` : '';
}

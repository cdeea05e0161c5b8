/** The first page: failing deployments, open incidents, and the figures of each tier and repo. */

import { html } from 'hono/html';
import type { ListedIncident } from '../core/failures/listed-incident.ts';
import type { FailingPair, Overview } from '../core/overview.ts';
import type { Window } from '../core/policy.ts';
import { edition } from '../core/quick-check-score.ts';
import type { Stop } from '../core/stop.ts';
import type { Cause } from '../core/verdict.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { counted } from '../util/pluralize.ts';
import { deploymentLink, explainLink, explainViewOf, fieldsOf, type View, viewLink } from './addresses.ts';
import { causeWords, inlineMark } from './causes.ts';
import { asOfForm, choices } from './controls.ts';
import { firstSteps } from './first-steps.ts';
import { placeWords } from './missed-part-words.ts';
import { type Html, renderPage } from './page.ts';
import { repoTable } from './repo-table.ts';
import { type Status, troublesOf } from './status.ts';
import { tierSection } from './tier-section.ts';
import { age, moment } from './words.ts';

export interface OverviewPageOptions {
  readonly view: View;
  readonly windows: readonly Window[];
  readonly status: Status;
}

export async function renderOverviewPage(
  overview: Overview,
  { view, windows, status }: OverviewPageOptions,
): Promise<string> {
  const table = await repoTable(overview, view, createEventLoopYield());
  return renderPage(
    { title: titleOf(overview), current: '', isLive: view.at === null },
    html`${notices(status)}${
      overview.pairs === 0
        ? html`<h1>Overview</h1>${view.at === null ? firstSteps(status) : html`<p>Nothing was known yet on ${moment(view.at)} UTC. <a href="${viewLink(view, { at: null })}">Now</a></p>`}`
        : html`${banner(overview, view, status.notReady === null)}
${controls(overview, view, windows)}
${overview.tiers.map((tier, index) => tierSection(tier, view, overview.at, index))}
${table}
<p class="small dim">Times are medians. Scores: ${edition}, 0 to 10. <a href="https://dora.dev/quickcheck/">dora.dev</a></p>`
    }`,
  );
}

function titleOf(overview: Overview): string {
  const count = failingCount(overview);
  return count === 0 ? 'DORA' : `DORA: ${count} failing`;
}

function failingCount({ failingIn }: Overview): number {
  return failingIn.reduce((sum, { pairs }) => sum + pairs, 0);
}

function notices(status: Status): Html {
  const troubles = troublesOf(status).length;
  if (status.notReady === null && troubles === 0) return html``;
  return html`<p class="panel notice">${status.notReady === null ? '' : html`<strong>Not ready:</strong> ${status.notReady}. `}${troubles === 0 ? '' : `${counted(troubles, 'trouble')}. `}<a href="operations">See operations</a></p>`;
}

function banner(overview: Overview, view: View, isReady: boolean): Html {
  const { failing, failingIn, incidents, otherIncidents, at } = overview;
  const count = failingCount(overview);
  const where = view.tier === null ? '' : ` in ${view.tier}`;
  const when = view.at === null ? '' : html` <span class="dim">on ${moment(at)} UTC</span>`;
  const open = incidents.length + otherIncidents;
  const openWords =
    open === 0
      ? ''
      : html`<h2>${counted(open, 'open incident')}</h2>
<ul class="failing-list">${incidents.map((incident) => incidentItem(incident, view, at))}</ul>${otherIncidents === 0 ? '' : html`<p>And ${otherIncidents} more.</p>`}`;
  const others = elsewhereWords(overview, view);
  if (count === 0) {
    const nothing = html`Nothing ${view.at === null ? 'is' : 'was'} failing${where}${when}`;
    if (!isReady)
      return html`<section class="panel notice"><h1>${nothing}, in the repos that were read</h1>${openWords}${others}</section>`;
    return html`<section class="panel ${open === 0 ? 'fine' : 'notice'}"><h1><span class="good" aria-hidden="true">✓ </span>${nothing}</h1>${openWords}${others}</section>`;
  }
  return html`<section class="panel failing"><h1><span class="bad" aria-hidden="true">✕ </span>${view.at === null ? 'Failing' : 'Was failing'}: ${failingIn.map(({ tier, pairs }) => `${pairs} in ${tier}`).join(', ')}${when}</h1>
<ul class="failing-list">${failing.map((pair) => failingItem(pair, view, at))}</ul>
${count > failing.length ? html`<p><a href="${viewLink(view, { order: 'failing', isDescending: true })}#repos">And ${count - failing.length} more</a></p>` : ''}${openWords}${others}</section>`;
}

/** The failures and incidents of the tiers that the page does not show. */
function elsewhereWords({ elsewhere: { failing, incidents } }: Overview, view: View): Html {
  if (failing + incidents === 0) return html``;
  const parts = [
    ...(failing > 0 ? [`${failing} failing`] : []),
    ...(incidents > 0 ? [counted(incidents, 'open incident')] : []),
  ];
  return html`<p class="small">In other tiers: ${parts.join(', ')}. <a href="${viewLink(view, { tier: null })}">All tiers</a></p>`;
}

function failingItem({ repo, tier, since, last, failedPart }: FailingPair, view: View, at: number): Html {
  const why = last ? deploymentLink(view, last) : explainLink(explainViewOf(view, repo, tier));
  return html`<li><strong>${repo}</strong> ${tier} <span class="nb">for <strong>${age(at - since)}</strong></span>, since the deployment of ${moment(since, at)}${
    last
      ? html`, last ${last.url === null ? `#${last.number}` : html`<a href="${last.url}">#${last.number}</a>`}${last.commit === '' ? '' : html` <code>${last.commit.slice(0, 8)}</code>`}: ${whyWords(last.causes, failedPart)}`
      : ''
  }. <a href="${why}">Why<span class="unseen"> ${repo} ${tier} is failing</span></a></li>`;
}

function whyWords(causes: readonly Cause[], failedPart: Stop | null): Html {
  if (!failedPart) return html`<span class="nb">${causes.map(inlineMark)} ${causeWords(causes)}</span>`;
  const others = causes.filter((cause) => cause !== 'pipeline');
  const verb = failedPart.end === 'killed' ? 'killed' : 'failed';
  return html`<span class="nb">${causes.map(inlineMark)} ${verb} in</span> <code>${placeWords(failedPart)}</code>${others.length > 0 ? `, ${causeWords(others)}` : ''}`;
}

function incidentItem(
  { repo, tier, title, url, start, id, isOfPair }: ListedIncident,
  view: View,
  at: number,
): Html {
  const name = title ?? id;
  const place = isOfPair
    ? html`<a href="${explainLink(explainViewOf(view, repo, tier))}"><strong>${repo}</strong></a>`
    : html`<strong>${repo}</strong>`;
  return html`<li>${inlineMark('incident')} ${url === null ? html`“${name}”` : html`<a href="${url}">“${name}”</a>`}: ${place} ${tier}, open for ${age(at - start)}, since ${moment(start, at)}</li>`;
}

function controls({ tierNames }: Overview, view: View, windows: readonly Window[]): Html {
  const { at: _, ...kept } = fieldsOf(view);
  const choice = (words: string, isChosen: boolean, change: Partial<View>) => ({
    words,
    isChosen,
    link: viewLink(view, change),
  });
  const ofWindows = windows.map((window) => choice(window.name, window === view.window, { window }));
  const ofTiers = [
    choice('all', view.tier === null, { tier: null }),
    ...tierNames.map((tier) => choice(tier, tier === view.tier, { tier })),
  ];
  return html`<div class="controls">${choices('Window', ofWindows)}
${tierNames.length < 2 && view.tier === null ? '' : choices('Tier', ofTiers)}
${asOfForm({ page: './', kept, at: view.at, nowLink: viewLink(view, { at: null }) })}</div>`;
}

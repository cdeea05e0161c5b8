/** The verdict on a deployment in words: the causes of its failure, its repair, and the deployments that it repairs. */

import { html } from 'hono/html';
import type { Deployment } from '../core/deployment.ts';
import type { Stop } from '../core/stop.ts';
import type { Cause, Failure } from '../core/verdict.ts';
import { placeWords } from './missed-part-words.ts';
import type { Html } from './page.ts';
import { moment } from './words.ts';

type LinkTo = (number: number) => Html;

/** A link to another pipeline of the repo. `url`: the page of the pipeline `number`. */
export function pipelineLink(url: string | null, number: number, other: number): Html {
  const suffix = `/${number}`;
  if (url === null || !url.endsWith(suffix)) return html`#${other}`;
  return html`<a href="${`${url.slice(0, -suffix.length)}/${other}`}">#${other}</a>`;
}

/** Sentences. `failedPart`: from the explained pipeline. */
export function verdictWords(deployment: Deployment, linkTo: LinkTo, failedPart?: Stop): Html[] {
  const { verdict, repair, mark } = deployment;
  const sentences = verdict.causes.map((cause) =>
    cause === 'pipeline' && failedPart
      ? html`<span class="bad">${failedPart.end === 'killed' ? 'Killed' : 'Failed'}</span> in <code>${placeWords(failedPart)}</code>.`
      : html`<span class="bad">Failed</span>: ${causeWords(cause, deployment, linkTo)}.`,
  );
  if (verdict.failure) sentences.push(endWords(verdict.failure, linkTo));
  if (mark?.kind === 'fine') sentences.push(html`An operator marked it as fine.`);
  if (repair?.undoes != null) sentences.push(html`Rolls back ${linkTo(repair.undoes)}.`);
  for (const number of repair?.reverts ?? []) sentences.push(html`Reverts ${linkTo(number)}.`);
  if (repair?.repairs != null) sentences.push(html`Repairs ${linkTo(repair.repairs)}.`);
  return sentences;
}

function causeWords(cause: Cause, { verdict }: Deployment, linkTo: LinkTo): Html {
  switch (cause) {
    case 'pipeline':
      return html`its pipeline, or the part that deploys, failed`;
    case 'rollback':
    case 'fix': {
      const links = verdict.shownBy.map((number) => html` ${linkTo(number)}`);
      return cause === 'rollback' ? html`rolled back by${links}` : html`fixed by${links}`;
    }
    case 'incident':
      return html`${verdict.incidents.map(({ id, start }, index) => html`${index > 0 ? ', ' : ''}incident <code>${id}</code> from ${moment(start)}`)}`;
    case 'operator':
      return html`an operator marked it`;
    default:
      return cause satisfies never;
  }
}

function endWords({ end, endedBy, repairedBy }: Failure, linkTo: LinkTo): Html {
  if (end === null) return html`Not recovered yet.`;
  if (endedBy === 'deployment' && repairedBy !== null) {
    return html`Recovered at ${moment(end)} with ${linkTo(repairedBy)}.`;
  }
  return endedBy === 'incident'
    ? html`Recovered at ${moment(end)}, when its incident ended.`
    : html`Recovered at ${moment(end)}, as the operator said.`;
}

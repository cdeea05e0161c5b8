/** The part of a deployment in the figures, in words: its failure, its episode, and its lead times. */

import { html } from 'hono/html';
import type { DeploymentPart, EpisodePart } from '../core/explain.ts';
import type { Delivery } from '../core/figures/delivery.ts';
import type { Stop } from '../core/stop.ts';
import type { Html } from './page.ts';
import { pipelineLink, verdictWords } from './verdict-words.ts';
import { duration, moment } from './words.ts';

const mostCommitsShown = 50;

/** `url`: the pipeline's page in Woodpecker. `failedPart`: from the explained pipeline. */
export function partWords(
  { deployment, episode, delivery }: DeploymentPart,
  url: string | null,
  failedPart?: Stop,
): Html {
  const sentences = [
    ...verdictWords(deployment, (number) => pipelineLink(url, deployment.number, number), failedPart),
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
      return 'No new commits: its commit was deployed before.';
    case 'pending':
      return 'Lead time: not yet looked up in the forge.';
    case 'unknown':
      return 'Lead time unknown: the time of its commit is unknown.';
    case 'known':
      return knownDelivery(delivery);
    default:
      return delivery satisfies never;
  }
}

function knownDelivery({ commits, source }: Extract<Delivery, { kind: 'known' }>): Html | string {
  const [first] = commits;
  if (!first) return 'Only merges, and commits that were deployed before.';
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

/** Advice as long as there is no deployment to show. */

import { html } from 'hono/html';
import { counted } from '../util/pluralize.ts';
import type { Html } from './page.ts';
import { reasonWords } from './reason-words.ts';
import type { Status } from './status.ts';

/** Empty if a deployment is known. */
export function firstSteps(status: Status): Html {
  if (status.pairs > 0) return html``;
  return html`<section class="panel notice" aria-labelledby="first-steps"><h2 id="first-steps">${headline(status)}</h2>
${status.woodpecker ? stepsWithWoodpecker(status) : stepsOfWebhooks(status)}</section>`;
}

function headline({ woodpecker, repos }: Status): string {
  if (repos > 0) return 'No deployment is known yet';
  return woodpecker?.isUp ? 'Woodpecker shows no repo to this token' : 'Nothing is known yet';
}

function stepsWithWoodpecker(status: Status): Html {
  const { woodpecker, repos, notReady } = status;
  if (!woodpecker?.isUp) {
    return html`<p>Woodpecker at <code>${woodpecker?.url}</code> ${woodpecker?.isUp === null ? 'was not asked yet' : 'gives no usable answer'}.</p>
<ol class="steps"><li>Check that <code>DORA_WOODPECKER_URL</code> is the address that you open in a browser, and that this machine reaches it.</li>
<li>Check <code>DORA_WOODPECKER_TOKEN</code>: it is shown in Woodpecker under your user's settings.</li>
<li>The <a href="operations">operations page</a> and the log say what Woodpecker answered.</li></ol>`;
  }
  if (repos === 0) return missingRepos;
  if (notReady !== null) {
    return html`<p>The history of ${counted(repos, 'repo')} is being read. Each repo appears here once its history is complete;
the <a href="operations">operations page</a> shows how far the backfill is.</p>`;
  }
  return html`<p>${counted(repos, 'repo is', 'repos are')} known, but no pipeline of them counts as a deployment.</p>${ignoredSteps(status)}`;
}

const missingRepos = html`<ol class="steps"><li>Activate a repo in Woodpecker, or take the token of a user who has the right to push to one.</li>
<li>If somebody else activated a private repo, log in to Woodpecker again: it reads that right at login.</li>
<li>An administrator's token sees all repos.</li></ol>`;

function stepsOfWebhooks(status: Status): Html {
  if (status.repos > 0) {
    return html`<p>Reports have arrived, but none of them counts as a deployment.</p>${ignoredSteps(status)}`;
  }
  return html`<p>No <code>DORA_WOODPECKER_URL</code> is set, so this exporter knows what webhooks report, and nothing else.</p>
<ol class="steps"><li>Set <code>DORA_WOODPECKER_URL</code> and <code>DORA_WOODPECKER_TOKEN</code>: history and every later pipeline then
appear by themselves.</li>
<li>Or post to <code>/webhook</code> from the last step of a pipeline: <code>{"repo": "acme/shop", "number": 12, "status": "success", "finished": 1785500000}</code>,
with the secret in the file <code>webhook-secret</code> beside the database as bearer token.</li></ol>`;
}

function ignoredSteps({ ignored }: Status): Html {
  const some = ignored.filter(({ pipelines }) => pipelines > 0).toSorted((a, b) => b.pipelines - a.pipelines);
  return html`<ol class="steps">${some
    .slice(0, 3)
    .map(
      ({ reason, pipelines }) =>
        html`<li>${counted(pipelines, 'pipeline')}: ${reasonWords[reason]} (<code>${reason}</code>)</li>`,
    )}
<li>The policy decides what counts: <code>npm start -- --check</code> shows what it would count of what is stored.</li></ol>`;
}

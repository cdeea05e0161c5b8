/** What ended episodes of failure add to the ledger: each once, whatever becomes known of it later. */

import type { Deployment } from '../deployment.ts';
import { episodeMeasures } from '../figures/index.ts';
import { type EndedEpisode, isEnded } from '../verdict.ts';
import { countBefore } from './chunks.ts';
import { type Credit, neverCount } from './ledger.ts';
import type { Timeline } from './reducer.ts';

/**
 * Credits for the ended episodes that reach to the deployments from index `start` on. The last deployment of an episode
 * carries the ledger's bit; it is replaced in `deployments`, and in `chunks`, which hold the last of them. An episode of
 * which a part was added before, as a whole one, adds nothing. In a replay, one of its deployments must still have the bit
 * to give.
 */
export function creditEpisodes(
  episodes: Timeline['episodes'],
  deployments: Deployment[],
  start: number,
  chunks: readonly { readonly deployments: Deployment[] }[],
  mode: 'add' | 'replay',
): Credit[] {
  const first = deployments[start];
  if (!first) return [];
  const begun = countBefore(episodes, ({ end }) => end === null || end >= first.at);
  return episodes
    .slice(begun)
    .filter(isEnded)
    .flatMap((episode) => creditFor(episode, deployments, chunks, mode) ?? []);
}

function creditFor(
  episode: EndedEpisode,
  deployments: Deployment[],
  chunks: readonly { readonly deployments: Deployment[] }[],
  mode: 'add' | 'replay',
): Credit | null {
  const last = countBefore(deployments, ({ at }) => at > episode.end) - 1;
  const carrier = deployments[last];
  if (!carrier || (mode === 'add' && carrier.credited === neverCount)) return null;
  const members = deployments.slice(
    countBefore(deployments, ({ at }) => at >= episode.start),
    last + 1,
  );
  if (members.some(({ verdict }) => verdict.isProvisional)) return null;
  let { credited } = carrier;
  const additions = episodeMeasures.flatMap(({ ledger, secondsOf }) => {
    const hasBit = (one: Deployment) => one.credited !== neverCount && (one.credited & ledger.bit) !== 0;
    const wasAdded = mode === 'add' ? members.some(hasBit) : members.every(hasBit);
    if (wasAdded) return [];
    credited |= ledger.bit;
    return [{ metric: ledger.metric, amount: secondsOf(episode) }];
  });
  if (additions.length === 0) return null;
  const deployment = { ...carrier, credited };
  deployments[last] = deployment;
  replaceFromEnd(chunks, deployments.length - last, deployment);
  return { deployment, additions };
}

/** Replaces the deployment that is at place `place` from the end. */
function replaceFromEnd(
  chunks: readonly { readonly deployments: Deployment[] }[],
  place: number,
  deployment: Deployment,
): void {
  let left = place;
  for (const { deployments } of chunks.toReversed()) {
    if (left <= deployments.length) {
      deployments[deployments.length - left] = deployment;
      return;
    }
    left -= deployments.length;
  }
}

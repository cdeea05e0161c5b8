/** The deployments of a series, read again from the store, and what a replay of them shows. */

import { compareDeployments, type Deployment } from '../core/deployment.ts';
import type { Window } from '../core/policy.ts';
import type { WindowMember } from '../core/series/history-replay.ts';
import type { Ingredients } from '../core/series/shown-series.ts';
import { knownTimeOf } from '../core/windows/coverage.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { needsFirstSeen } from '../ingest/ingest-options.ts';
import { readSeries as readDeploymentsOf } from '../ingest/read-deployments.ts';
import { startOfSeries } from '../ingest/series-start.ts';
import { mergeSorted } from '../util/merge-sorted.ts';

/** What a replay shows of one window at `end`, with how much of it is known. */
export function shareOf(
  shown: TierShare | null,
  knownSince: number | null,
  window: Window,
  end: number,
): TierShare | null {
  return shown && { ...shown, knownTime: [knownTimeOf(knownSince, window, end)] };
}

export function readSeries(
  { state, mode }: Ingest,
  pipelines: Reading['pipelines'],
  { repo, pairs, knownSince }: Ingredients,
): { readonly member: WindowMember; readonly deployments: AsyncIterable<readonly Deployment[]> } {
  const tier = pairs[0]?.tier ?? '';
  const repos = state.reposByName(repo.fullName);
  const withFirstSeen = needsFirstSeen(mode);
  const deployments = mergeSorted(
    repos.map(({ key }) =>
      readDeploymentsOf(pipelines, state.markOf, { only: { repo: key, tier }, withFirstSeen }),
    ),
    compareDeployments,
  );
  return { member: { ...startOfSeries(state, mode, repos, tier), knownSince }, deployments };
}

/** The deployments of a series, read again from the store, and what a replay of them shows. */

import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { startFold } from '../core/figures/fold.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import type { Window } from '../core/policy.ts';
import type { Standing, WindowMember } from '../core/series/history-replay.ts';
import { zeroTotals } from '../core/series/ledger.ts';
import type { Ingredients } from '../core/series/samples.ts';
import { knownTimeOf } from '../core/windows/coverage.ts';
import type { TierShare } from '../core/windows/tier-windows.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { rulesOf } from '../ingest/ingest-options.ts';
import { mergeSorted } from '../util/merge-sorted.ts';

/** What a replay shows of one window at `end`, kept beyond the replay's next step. */
export function shareOf(
  shown: TierShare | null,
  knownSince: number | null,
  window: Window,
  end: number,
): TierShare | null {
  const [content] = shown?.windows ?? [];
  if (!shown || !content) return null;
  const { known, counts, samples } = content;
  return {
    windows: [{ known, counts: [...counts], samples: samples.map((all) => [...all]) }],
    coverage: shown.coverage,
    knownTime: [knownTimeOf(knownSince, window, end)],
  };
}

/** `starts`: before the first deployment. */
export function readSeries(
  { state, mode }: Ingest,
  pipelines: Reading['pipelines'],
  { repo, pairs, knownSince }: Ingredients,
): { readonly member: WindowMember; readonly deployments: AsyncIterable<readonly Deployment[]> } {
  const rules = rulesOf(mode);
  const tier = pairs[0]?.tier ?? '';
  const repos = state.reposByName(repo.fullName);
  const starts = new Map(
    repos.map((one): [number, Standing] => [
      one.key,
      { fold: startFold(rules, knownGroundOf(one)), totals: zeroTotals },
    ]),
  );
  const withFirstSeen = rules.leadTimeFallback === 'created';
  const deployments = mergeSorted(
    repos.map(({ key }) => readPair(pipelines, { only: { repo: key, tier }, withFirstSeen })),
    compareDeployments,
  );
  return { member: { knownSince, starts }, deployments };
}

async function* readPair(
  pipelines: Reading['pipelines'],
  selection: NonNullable<Parameters<Reading['pipelines']['deployments']>[0]>,
): AsyncGenerator<readonly Deployment[]> {
  for await (const slice of pipelines.deployments(selection)) {
    yield slice.map(({ deployment }) => deployment);
  }
}

/**
 * Looks beyond a repo's horizon for the last success and the last failure of each pair that has none since, so that
 * timestamps tell of them. Gives up after twenty pages of each status: what is older still is of little use.
 */

import { isWatched } from '../core/classification.ts';
import type { Outcome } from '../core/deployment.ts';
import { failureStatuses, type Policy } from '../core/policy.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { tierByNameAlone } from '../core/tiers.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Source } from './event-labels.ts';
import { pipelinePages } from './list-pipelines.ts';
import { addCounts, type Counts, type Intake, noCounts, storePage } from './store-page.ts';
import { askableRepo } from './watched-repos.ts';

const mostPages = 20;

export async function findOlderOutcomes(
  intake: Intake,
  repoKey: number,
  source: Source,
  signal: AbortSignal,
): Promise<Counts> {
  const { ingest, client } = intake;
  let counts = noCounts;
  const lacking = await lackingOutcomes(ingest, repoKey);
  for (const outcome of ['success', 'failure'] as const) {
    for (const status of statusesOf(outcome, ingest.mode.policy)) {
      if (!lacking.isAny(outcome)) continue;
      const { woodpeckerId, horizon } = askableRepo(ingest.state, repoKey);
      const query = { before: (horizon ?? 0) + 1, status };
      let pages = 0;
      for await (const rows of pipelinePages(client, woodpeckerId, query, signal)) {
        const page = await storePage(intake, repoKey, rows, source, null, signal);
        counts = addCounts(counts, page.counts);
        lacking.note(page.pipelines);
        if (++pages === mostPages || !lacking.isAny(outcome)) break;
      }
    }
  }
  return counts;
}

function statusesOf(outcome: Outcome, policy: Policy): readonly string[] {
  if (outcome === 'success') return ['success'];
  return failureStatuses.filter((status) => policy.deployments.failure.includes(status));
}

/** Which pairs of the repo lack which outcome, brought forward with each page that is noted. */
async function lackingOutcomes({ state, mode, read }: Ingest, repoKey: number) {
  const known = await read((rows) => rows.pipelines.outcomes(repoKey));
  const found = new Map([...known].map(([tier, outcomes]) => [tier, new Set(outcomes)]));
  const outcomesOf = (tier: string): Set<Outcome> => {
    const outcomes = found.get(tier) ?? new Set();
    found.set(tier, outcomes);
    return outcomes;
  };
  const { fullName } = askableRepo(state, repoKey);
  const byName = isWatched(mode.policy, fullName) ? tierByNameAlone(mode.policy, fullName) : null;
  if (byName !== null) outcomesOf(byName);
  return {
    /** Also where no pair is known yet. */
    isAny: (outcome: Outcome) =>
      found.size === 0 || [...found.values()].some((outcomes) => !outcomes.has(outcome)),
    note(pipelines: readonly StoredPipeline[]) {
      for (const { classification } of pipelines) {
        if (classification.tier === null) continue;
        const outcomes = outcomesOf(classification.tier);
        if (classification.kind === 'deployment') outcomes.add(classification.outcome);
      }
    },
  };
}

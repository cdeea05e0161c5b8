/**
 * Searches before a repo's horizon for the last success and the last failure of each pair that has none after the horizon.
 * Also reads all failures after the last success: the first of them is the start of the open failure. Reads at most twenty
 * pages of each status.
 */

import { isWatched } from '../core/classification.ts';
import type { Outcome } from '../core/deployment.ts';
import { failureStatuses } from '../core/policy.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { tiersByNameAlone } from '../core/tiers.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { ScanDependencies } from './dependencies.ts';
import type { Source } from './event-labels.ts';
import { pipelinePages } from './list-pipelines.ts';
import { addCounts, type Counts, noCounts, storePage } from './store-page.ts';
import { type RepoWithId, repoWithId } from './watched-repos.ts';

const mostPages = 20;
/** Most requests for single pipelines. A pipeline needs one if its list row is not enough to classify it. */
const mostReads = 200;

export async function findLastOutcomes(
  dependencies: ScanDependencies,
  repoKey: number,
  source: Source,
  signal: AbortSignal,
): Promise<Counts> {
  const { ingest, client } = dependencies;
  const repo = repoWithId(ingest.state, repoKey);
  const outcomes = await readOutcomes(ingest, repo);
  const budget = { left: mostReads };
  let counts = noCounts;
  // Rows and queries use Woodpecker's clock.
  const ahead = ingest.state.clockAhead;
  /** Reads rows of a status until `isDone` of the oldest row's creation; returns whether it has read all rows. */
  const read = async (
    status: string,
    after: number | null,
    isDone: (oldest: number) => boolean,
  ): Promise<boolean> => {
    const query = {
      before: (repo.horizon ?? 0) + ahead + 1,
      ...(after !== null && { after: after + ahead }),
      status,
    };
    let oldest = Number.POSITIVE_INFINITY;
    let pages = 0;
    if (isDone(oldest)) return false;
    for await (const rows of pipelinePages(client, repo.woodpeckerId, query, signal)) {
      const page = await storePage(dependencies, repoKey, rows, source, null, signal, budget);
      counts = addCounts(counts, page.counts);
      outcomes.note(page.pipelines);
      oldest = Math.min(oldest, ...rows.map((row) => row.created - ahead));
      if (isDone(oldest) || ++pages === mostPages) return false;
    }
    return true;
  };

  const isWholeHistory = await read('success', null, () => !outcomes.isAnyLacking('success'));
  const { failure } = ingest.mode.policy.deployments;
  for (const status of failureStatuses.filter((one) => failure.includes(one))) {
    const end = outcomes.endOfFailures(isWholeHistory);
    const after = outcomes.isAnyLacking('failure') || !Number.isFinite(end) ? null : end - 1;
    await read(
      status,
      after,
      (oldest) => !outcomes.isAnyLacking('failure') && oldest <= outcomes.endOfFailures(isWholeHistory),
    );
  }
  return counts;
}

/** The creation time of the latest deployment of each outcome, by tier. `note` adds the pipelines of a page. */
async function readOutcomes({ mode, read }: Ingest, { key, fullName, horizon }: RepoWithId) {
  const known = await read((rows) => rows.pipelines.outcomes(key));
  const tiers = new Map([...known].map(([tier, latest]) => [tier, new Map(latest)]));
  const latestOf = (tier: string): Map<Outcome, number> => {
    const latest = tiers.get(tier) ?? new Map<Outcome, number>();
    tiers.set(tier, latest);
    return latest;
  };
  const byName = isWatched(mode.policy, fullName) ? tiersByNameAlone(mode.policy, fullName) : [];
  for (const tier of byName) latestOf(tier);
  return {
    /** Whether any pair has no deployment with this outcome; also true if no pair is known. */
    isAnyLacking: (outcome: Outcome) =>
      tiers.size === 0 || [...tiers.values()].some((latest) => !latest.has(outcome)),
    /**
     * Failures after this time may belong to an open failure: the earliest last success of any pair, in Unix seconds. A pair
     * without a success has been failing since its first failure if the whole history was read: minus infinity. If it was
     * not read, or if the pair's last success is after the horizon, the pair needs no older failures: plus infinity.
     */
    endOfFailures(isWholeHistory: boolean): number {
      const ends = [...tiers.values()].map((latest) => {
        const success = latest.get('success');
        if (success === undefined)
          return isWholeHistory ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
        return success <= (horizon ?? 0) ? success : Number.POSITIVE_INFINITY;
      });
      return Math.min(...ends);
    },
    note(pipelines: readonly StoredPipeline[]) {
      for (const { classification, record } of pipelines) {
        for (const one of classification.tiers) {
          const latest = latestOf(one.tier);
          if (one.kind !== 'deployment') continue;
          latest.set(one.outcome, Math.max(latest.get(one.outcome) ?? 0, record.createdAt ?? one.at));
        }
      }
    },
  };
}

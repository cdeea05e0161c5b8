/** Finds the series to export, and reads all deployments once for a summary of each. */

import { compareText } from '../core/compare-text.ts';
import { compareDeployments, type Deployment } from '../core/deployment.ts';
import { createStandings, type Standing, type WindowMember } from '../core/series/history-replay.ts';
import { differenceOf, sumTotals, type Totals } from '../core/series/ledger.ts';
import { shownTotals } from '../core/series/pair.ts';
import { shownSeries } from '../core/series/shown-series.ts';
import type { State } from '../core/series/state.ts';
import { type IntakeMode, needsFirstSeen } from '../ingest/ingest-options.ts';
import { readSeries } from '../ingest/read-deployments.ts';
import { startOfSeries } from '../ingest/series-start.ts';
import type { Transaction } from '../store/store.ts';
import { mergeSorted } from './merge-sorted.ts';

/** A series of the scrape, with a summary of its whole history. */
export interface Series extends WindowMember {
  readonly repo: string;
  readonly tier: string;
  /** Keys of the repos with this name. */
  readonly repoKeys: readonly number[];
  /** Time of its first deployment, in Unix seconds. */
  readonly firstAt: number;
  /** The shown totals minus the totals of its stored deployments. */
  readonly difference: Totals;
}

/** Reads the deployments of repos together, in order of time. `after`: Unix seconds. */
export type Read = (
  repoKeys: readonly number[],
  tier: string,
  after?: number,
) => AsyncIterable<readonly Deployment[]>;

/** Rows in memory at a time, over all repos that are read together. */
const rowsAtOnce = 20_000;
/** Fewest and most rows of one repo in memory at a time. */
const fewestRows = 10;
const mostRows = 2_000;

export function createRead(tx: Transaction, state: State, mode: IntakeMode): Read {
  const withFirstSeen = needsFirstSeen(mode);
  return (repoKeys, tier, after) => {
    const sliceRows = Math.min(mostRows, Math.max(fewestRows, Math.floor(rowsAtOnce / repoKeys.length)));
    return mergeSorted(
      repoKeys.map((repo) =>
        readSeries(tx.pipelines, state.markOf, {
          only: { repo, tier, ...(after !== undefined && { after }) },
          withFirstSeen,
          sliceRows,
        }),
      ),
      compareDeployments,
    );
  };
}

/**
 * Returns the series of the scrape that have a deployment, sorted by repo and tier. `starts`: their standings before the
 * first deployment after `startAt`, in Unix seconds.
 */
export async function surveySeries(
  mode: IntakeMode,
  read: Read,
  state: State,
  startAt: number,
): Promise<Series[]> {
  const found: Series[] = [];
  const shown = [...shownSeries(state)].sort(([a], [b]) => compareText(a, b));
  for (const [, { repo, tier, pairs, knownSince }] of shown) {
    const repos = state.reposByName(repo);
    const repoKeys = repos.map(({ key }) => key);
    const start = startOfSeries(state, mode, repos, tier);
    const standings = createStandings(start);
    let starts: ReadonlyMap<number, Standing> | null = null;
    let firstAt: number | null = null;
    let latestAt = 0;
    for await (const slice of read(repoKeys, tier)) {
      firstAt ??= slice[0]?.at ?? null;
      for (const deployment of slice) {
        // Moves on only when the time changes: later deployments of the same second may continue an episode.
        if (deployment.at > latestAt) standings.moveTo(latestAt);
        latestAt = deployment.at;
        if (deployment.at > startAt) starts ??= standings.copy();
        standings.add(deployment);
      }
    }
    if (firstAt === null) continue;
    standings.moveTo(latestAt);
    starts ??= standings.copy();
    const totals = pairs.map(shownTotals).reduce(sumTotals);
    const difference = differenceOf(totals, standings.totals());
    found.push({ ...start, repo, tier, repoKeys, knownSince, starts, firstAt, difference });
  }
  return found;
}

/** Reads all pipelines of a repo that were created in a range, also known ones. */

import type { ScanDependencies } from './dependencies.ts';
import { pipelinePages } from './list-pipelines.ts';
import {
  addCounts,
  type Counts,
  completeRows,
  countsOf,
  noCounts,
  preview,
  storePage,
} from './store-page.ts';
import { repoWithId } from './watched-repos.ts';

/** Unix seconds, inclusive. */
export interface Range {
  readonly since: number;
  readonly until: number | null;
}

/** `isDry`: counts the results that storing would have, and stores nothing. Rejects as the client and the store do. */
export async function rescanRange(
  dependencies: ScanDependencies,
  repoKey: number,
  range: Range,
  isDry: boolean,
  signal: AbortSignal,
): Promise<Counts> {
  const { ingest, client } = dependencies;
  const repo = repoWithId(ingest.state, repoKey);
  const { since, until } = range;
  // Rows and queries use Woodpecker's clock.
  const ahead = ingest.state.clockAhead;
  const isWanted = (at: number) => at - ahead >= since && (until === null || at - ahead <= until);
  let counts = noCounts;
  const query = { after: since + ahead - 1, ...(until === null ? {} : { before: until + ahead + 1 }) };
  for await (const rows of pipelinePages(client, repo.woodpeckerId, query, signal)) {
    const wanted = rows.filter((row) => isWanted(row.created));
    if (isDry) {
      const { records } = await completeRows(dependencies, repo, wanted, signal);
      counts = addCounts(counts, countsOf(await preview(dependencies, repo, records)));
    } else {
      const page = await storePage(dependencies, repoKey, wanted, 'backfill', null, signal);
      counts = addCounts(counts, page.counts);
    }
    // Servers before 2.5 ignore `after`: all further rows are older.
    if (rows.some((row) => row.created - ahead < since)) break;
  }
  if (isDry) return counts;
  await ingest.submit({ kind: 'endOfRescan', repoId: repo.woodpeckerId, since, until });
  return counts;
}

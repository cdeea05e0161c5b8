/** Reads all of a repo's pipelines created in a range, also known ones. */

import { createdAt } from '../woodpecker/wire.ts';
import { pipelinePages } from './list-pipelines.ts';
import {
  addCounts,
  type Counts,
  completeRows,
  countResults,
  type Intake,
  noCounts,
  preview,
  storePage,
} from './store-page.ts';
import { askableRepo } from './watched-repos.ts';

/** Unix seconds, inclusive. */
export interface Range {
  readonly since: number;
  readonly until: number | null;
}

/** `isDry`: counts, and stores nothing. */
export async function readRange(
  intake: Intake,
  repoKey: number,
  range: Range,
  isDry: boolean,
  signal: AbortSignal,
): Promise<Counts> {
  const { ingest, client } = intake;
  const repo = askableRepo(ingest.state, repoKey);
  const { since, until } = range;
  // By Woodpecker's clock, as its rows.
  const ahead = ingest.state.clockAhead;
  const isWanted = (at: number) => at - ahead >= since && (until === null || at - ahead <= until);
  let counts = noCounts;
  const query = { after: since + ahead - 1, ...(until === null ? {} : { before: until + ahead + 1 }) };
  for await (const rows of pipelinePages(client, repo.woodpeckerId, query, signal)) {
    const wanted = rows.filter((row) => isWanted(createdAt(row)));
    if (isDry) {
      const { records } = await completeRows(intake, repo, wanted, signal);
      const results = await preview(intake, repo, records);
      counts = addCounts(
        counts,
        countResults(() => undefined, 'backfill', results),
      );
    } else {
      counts = addCounts(counts, (await storePage(intake, repoKey, wanted, 'backfill', null, signal)).counts);
    }
    // Servers before 2.5 do not filter: later rows are older still.
    if (rows.some((row) => createdAt(row) - ahead < since)) break;
  }
  if (isDry) return counts;
  await ingest.submit(async (uow) => {
    const current = uow.repoById(repo.woodpeckerId);
    // If the range ends in known ground, the known ground grows by it.
    if (current && current.knownSince !== null && (until === null || until >= current.knownSince)) {
      await uow.putRepo({ ...current, knownSince: Math.min(current.knownSince, since) });
    }
    await uow.release(repoKey);
  });
  return counts;
}

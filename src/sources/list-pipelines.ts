/**
 * A repo's pipelines, page by page, newest first.
 *
 * Pages are cut by offset: what is created meanwhile pushes rows onto later pages, what is deleted pulls them onto
 * earlier ones. Guarantees: every pipeline that exists throughout is yielded; some may come twice.
 */

import { type PipelineQuery, pageSize, type WoodpeckerClient } from '../woodpecker/client.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';

/** Turns back at one edge; each needs rows to have moved again meanwhile. */
const mostTurnsBack = 5;

export async function* pipelinePages(
  client: WoodpeckerClient,
  repoId: number,
  query: Omit<PipelineQuery, 'page'>,
  signal: AbortSignal,
): AsyncGenerator<readonly WirePipeline[]> {
  const read = (page: number) => client.pipelines(repoId, { ...query, page }, signal);
  const isContiguous = query.status === undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (let page = 1; ; page++) {
    let rows = await read(page);
    for (let turn = 0; page > 1 && isContiguous && turn < mostTurnsBack && hasGap(lowest, rows); turn++) {
      // Numbers are missing at the edge: perhaps for long, perhaps because rows moved up while we turned the page.
      const moved = (await read(page - 1)).filter((row) => row.number < lowest);
      if (moved.length === 0) break;
      yield moved;
      lowest = Math.min(...moved.map((row) => row.number));
      if (hasGap(lowest, rows)) rows = await read(page);
    }
    if (rows.length > 0) yield rows;
    if (rows.length < pageSize) return;
    lowest = Math.min(lowest, ...rows.map((row) => row.number));
  }
}

function hasGap(lowestAbove: number, rows: readonly WirePipeline[]): boolean {
  const highest = Math.max(0, ...rows.map((row) => row.number));
  return highest < lowestAbove - 1;
}

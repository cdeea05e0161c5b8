/**
 * A repo's pipelines, page by page, newest first.
 *
 * Pages are cut by offset: new pipelines push rows onto later pages, deletions pull them onto earlier ones. Guarantees:
 * every pipeline that exists throughout is yielded; some may come twice. A list that ignores `page` ends.
 */

import { type PipelineQuery, pageSize, type WoodpeckerClient } from '../woodpecker/client.ts';
import type { Listed } from '../woodpecker/lists.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';

/** Turns back at one edge; each needs rows to have moved again meanwhile. */
const mostTurnsBack = 5;
/** Pages in a row that bring nothing new: fifty new pipelines make one. */
const mostBarrenPages = 3;

/** `onEndless` is called if the list ended because its further pages showed nothing new. */
export async function* pipelinePages(
  client: WoodpeckerClient,
  repoId: number,
  query: Omit<PipelineQuery, 'page'>,
  signal: AbortSignal,
  onEndless: () => void = () => undefined,
): AsyncGenerator<readonly WirePipeline[]> {
  const read = (page: number): Promise<Listed<WirePipeline>> =>
    client.pipelines(repoId, { ...query, page }, signal);
  const isContiguous = query.status === undefined;
  let lowest = Number.POSITIVE_INFINITY;
  let barrenPages = 0;
  for (let page = 1; ; page++) {
    let { rows, length } = await read(page);
    for (let turn = 0; page > 1 && isContiguous && turn < mostTurnsBack && hasGap(lowest, rows); turn++) {
      // Numbers are missing at the edge: perhaps for long, perhaps because rows moved up while we turned the page.
      const moved = (await read(page - 1)).rows.filter((row) => row.number < lowest);
      if (moved.length === 0) break;
      yield moved;
      lowest = lowestOf(moved);
      if (hasGap(lowest, rows)) ({ rows, length } = await read(page));
    }
    if (rows.length > 0) yield rows;
    if (length < pageSize) return;
    barrenPages = lowestOf(rows) < lowest ? 0 : barrenPages + 1;
    if (barrenPages === mostBarrenPages) {
      client.noteEndlessList(`/api/repos/${repoId}/pipelines`);
      onEndless();
      return;
    }
    lowest = Math.min(lowest, lowestOf(rows));
  }
}

function lowestOf(rows: readonly WirePipeline[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...rows.map((row) => row.number));
}

function hasGap(lowestAbove: number, rows: readonly WirePipeline[]): boolean {
  const highest = Math.max(0, ...rows.map((row) => row.number));
  return highest < lowestAbove - 1;
}

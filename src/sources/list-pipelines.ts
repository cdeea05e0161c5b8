/**
 * A repo's pipelines, page by page, newest first.
 *
 * The server counts rows to find a page: a new pipeline moves rows to later pages, a deletion to earlier ones. Guarantees:
 * yields every pipeline that exists the whole time, some perhaps twice. Stops if the server ignores `page`.
 */

import { type PipelineQuery, pageSize, type WoodpeckerClient } from '../woodpecker/client.ts';
import type { Listed } from '../woodpecker/lists.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';

/** Most times that the previous page is read again before one page. Each time means that rows have moved again. */
const mostTurnsBack = 5;
/** Stops after this many successive pages without a new row. Fifty new pipelines during the read cause one such page. */
const mostBarrenPages = 3;

/** Calls `onEndless` if it stops because pages contain no new row. Rejects as the client does. */
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
      // Numbers between the two pages are missing: deleted, or moved to the previous page since it was read.
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

/** Reads stored pipelines: their rows with the rows that belong to them in other tables. */

import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { changeColumns } from './change-rows.ts';
import type { VerdictPlace } from './classification-rows.ts';
import { toPipeline } from './pipeline-rows.ts';
import type { SqlRow, SqlValue } from './sql-values.ts';
import { deploymentsByPipeline } from './sqlite-deployments.ts';
import type { Sql } from './sqlite-statements.ts';

/** Reads the rows of other tables that belong to rows of `pipelines`, which are sorted by repo and number. */
export interface PipelineReader {
  /** Their deployments under the policy that has the place, by `keyOf`. */
  countedOf(rows: readonly SqlRow[], from: VerdictPlace): Promise<ReadonlyMap<string, readonly SqlRow[]>>;
  /** The whole pipelines; by default under the policy that has the reader's place. */
  toPipelines(rows: readonly SqlRow[], from?: VerdictPlace): Promise<StoredPipeline[]>;
}

export function createPipelineReader({ all }: Pick<Sql, 'all'>, place: VerdictPlace): PipelineReader {
  const countedOf: PipelineReader['countedOf'] = async (rows, from) =>
    Map.groupBy(
      await all(
        `SELECT * FROM ${deploymentsByPipeline(from)} WHERE ${withinRange} AND outcome IS NOT NULL`,
        ...rangeOf(rows),
      ),
      keyOf,
    );
  return {
    countedOf,
    async toPipelines(rows, from = place) {
      if (rows.length === 0) return [];
      const counted = await countedOf(rows, from);
      const changes = Map.groupBy(
        await all(
          `SELECT repo, number, tier, ${changeColumns} FROM changes WHERE ${withinRange}`,
          ...rangeOf(rows),
        ),
        keyOf,
      );
      return rows.map((row) => {
        const key = keyOf(row);
        const beside = { deployments: counted.get(key) ?? [], changes: changes.get(key) ?? [] };
        return toPipeline(row, from, beside);
      });
    },
  };
}

const withinRange = '(repo, number) >= (?, ?) AND (repo, number) <= (?, ?)';

function rangeOf(rows: readonly SqlRow[]): SqlValue[] {
  return [rows[0], rows.at(-1)].flatMap((row) => [row?.['repo'] ?? null, row?.['number'] ?? null]);
}

export function keyOf(row: SqlRow): string {
  return `${row['repo']}/${row['number']}`;
}

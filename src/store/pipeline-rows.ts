/** Converts between stored pipelines and rows of `pipelines`. */

import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { commitOf, toChanges } from './change-rows.ts';
import { toVerdict, type VerdictPlace } from './classification-rows.ts';
import { fromRecord, recordColumns, toRecord } from './record-rows.ts';
import type { SqlRow, SqlValue } from './sql-values.ts';

/** Columns of `pipelines`, in the order of `fromPipeline`. */
export const pipelineColumns = ['repo', ...recordColumns, 'is_held'] as const;

export function fromPipeline({ repo, record, isPending }: StoredPipeline): SqlValue[] {
  return [repo, ...fromRecord(record), Number(isPending)];
}

/** All columns of `pipelines` that `toPipeline` reads. */
export const storedColumns = `pipelines.*, ${commitOf('commit_sha', 'pipelines.repo')} AS commit_id`;

/** `lastReportedAt` of `core/pipeline.ts` as an SQL expression, exactly as in the index. */
export const lastReportedAt =
  'COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0)';

/** Rows of a pipeline in other tables. */
export interface BesidePipeline {
  /** Its rows of `deployments` with an outcome. */
  readonly deployments: readonly SqlRow[];
  /** Its rows of `changes`. */
  readonly changes: readonly SqlRow[];
}

export function toPipeline(
  row: SqlRow,
  place: VerdictPlace,
  { deployments, changes }: BesidePipeline,
): StoredPipeline {
  const record = toRecord(row);
  return {
    repo: Number(row['repo']),
    record,
    commit: String(row['commit_id']),
    ...toVerdict(row, place, deployments),
    isPending: row['is_held'] === 1,
    changes: toChanges(changes),
  };
}

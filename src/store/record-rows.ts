/** Converts between a pipeline's record and the columns of its row. */

import type { PipelineRecord } from '../core/pipeline.ts';
import type { TierReport } from '../core/tier-report.ts';
import type { Step, Workflow } from '../core/workflow.ts';
import { numberOrNull, type SqlRow, type SqlValue, textOrNull } from './sql-values.ts';

/** The column of each field of a record. */
const columns = {
  number: 'number',
  id: 'id',
  status: 'status',
  event: 'event',
  branch: 'branch',
  ref: 'ref',
  parent: 'parent',
  deployTo: 'deploy_to',
  commit: 'commit_sha',
  message: 'message',
  fromFork: 'from_fork',
  createdAt: 'created_at',
  startedAt: 'started_at',
  finishedAt: 'finished_at',
  hasOneClock: 'has_one_clock',
  clockAhead: 'clock_ahead',
  endSeenAt: 'end_seen_at',
  updatedAt: 'updated_at',
  committedAt: 'committed_at',
  hasWorkflows: 'has_workflows',
  fromRest: 'from_rest',
  canceledByStep: 'canceled_by_step',
  firstEndReportAt: 'first_end_report_at',
  workflows: 'workflows',
  tierReports: 'tier_reports',
} as const satisfies Record<keyof PipelineRecord, string>;

export const recordColumns = Object.values(columns);

const fields = Object.keys(columns) as (keyof PipelineRecord)[];

/** Values in the order of `recordColumns`. */
export function fromRecord(record: PipelineRecord): SqlValue[] {
  return fields.map((field) => {
    if (field === 'workflows') return fromWorkflows(record.workflows);
    if (field === 'tierReports') return fromTierReports(record.tierReports);
    const value = record[field];
    return typeof value === 'boolean' ? Number(value) : value;
  });
}

export function toRecord(row: SqlRow): PipelineRecord {
  return {
    number: Number(row['number']),
    id: Number(row['id']),
    status: String(row['status']),
    event: textOrNull(row['event']),
    branch: textOrNull(row['branch']),
    ref: textOrNull(row['ref']),
    parent: numberOrNull(row['parent']),
    deployTo: String(row['deploy_to']),
    commit: String(row['commit_sha']),
    message: String(row['message']),
    fromFork: row['from_fork'] === 1,
    createdAt: numberOrNull(row['created_at']),
    startedAt: numberOrNull(row['started_at']),
    finishedAt: numberOrNull(row['finished_at']),
    hasOneClock: row['has_one_clock'] === 1,
    clockAhead: Number(row['clock_ahead']),
    endSeenAt: numberOrNull(row['end_seen_at']),
    updatedAt: Number(row['updated_at']),
    committedAt: numberOrNull(row['committed_at']),
    hasWorkflows: row['has_workflows'] === 1,
    fromRest: row['from_rest'] === 1,
    canceledByStep: textOrNull(row['canceled_by_step']),
    firstEndReportAt: numberOrNull(row['first_end_report_at']),
    workflows: toWorkflows(row['workflows']),
    tierReports: toTierReports(row['tier_reports']),
  };
}

/** As JSON without field names, since steps take most of a row. */
function fromWorkflows(workflows: readonly Workflow[]): string | null {
  if (workflows.length === 0) return null;
  return JSON.stringify(
    workflows.map((workflow) => [
      ...fromPart(workflow),
      workflow.steps.map((step) => [...fromPart(step), step.exitCode]),
    ]),
  );
}

type PartRow = [string, number, string, number | null, number | null, string];

function fromPart({ name, pid, state, startedAt, finishedAt, error }: Omit<Step, 'exitCode'>): PartRow {
  return [name, pid, state, startedAt, finishedAt, error];
}

function toWorkflows(json: SqlValue | undefined): readonly Workflow[] {
  if (typeof json !== 'string') return [];
  const rows = JSON.parse(json) as readonly [...PartRow, readonly [...PartRow, number][]][];
  return rows.map(([...part]) => ({
    ...toPart(part),
    steps: part[6].map((step) => ({ ...toPart(step), exitCode: step[6] })),
  }));
}

function toPart([name, pid, state, startedAt, finishedAt, error]: readonly [...PartRow, unknown]): Omit<
  Step,
  'exitCode'
> {
  return { pid, name, state, startedAt, finishedAt, error };
}

type ReportRow = [string, string, number | null, number | null, number | null];

function fromTierReports(reports: readonly TierReport[]): string | null {
  if (reports.length === 0) return null;
  const rows = reports.map(({ tier, status, startedAt, finishedAt, firstEndReportAt }): ReportRow => {
    return [tier, status, startedAt, finishedAt, firstEndReportAt];
  });
  return JSON.stringify(rows);
}

function toTierReports(json: SqlValue | undefined): readonly TierReport[] {
  if (typeof json !== 'string') return [];
  return (JSON.parse(json) as ReportRow[]).map(([tier, status, startedAt, finishedAt, firstEndReportAt]) => {
    return { tier, status, startedAt, finishedAt, firstEndReportAt };
  });
}

/** Between the core's values and SQLite's rows; knows every column, decides nothing. */

import type { Classification, IgnoreReason } from '../core/classification.ts';
import type { Change, CommitRange } from '../core/commit-range.ts';
import type { Deployment, Outcome } from '../core/deployment.ts';
import { durationOf } from '../core/our-clock.ts';
import type { PipelineRecord } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import type { Step, Workflow } from '../core/workflow.ts';
import type { TieredDeployment, Uncounted } from './store.ts';

export type SqlValue = string | number | null;
export type SqlRow = Record<string, SqlValue>;

/** The column of each field of a record: none may be left out, or be there without a field. */
const recordColumns = {
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
} as const satisfies Record<keyof PipelineRecord, string>;
const recordFields = Object.keys(recordColumns) as (keyof PipelineRecord)[];

export const pipelineColumns = [
  'repo',
  ...Object.values(recordColumns),
  'tier',
  'reason',
  'outcome',
  'deployed_at',
  'duration',
  'is_rework',
  'is_held',
  'credited',
] as const;

/** Values in the order of `pipelineColumns`. */
export function fromPipeline({ repo, record, classification, isHeld, credited }: StoredPipeline): SqlValue[] {
  const deployment = classification.kind === 'deployment' ? classification : null;
  return [
    repo,
    ...recordFields.map((field) => toSqlValue(record[field])),
    classification.tier,
    classification.kind === 'ignored' ? classification.reason : null,
    deployment ? deployment.outcome : null,
    deployment ? deployment.at : null,
    durationOf(record),
    Number(deployment?.isRework ?? false),
    Number(isHeld),
    credited,
  ];
}

export function toPipeline(row: SqlRow): StoredPipeline {
  const record: PipelineRecord = {
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
  };
  return {
    repo: Number(row['repo']),
    record,
    commit: String(row['commit_id']),
    classification: toClassification(row),
    isHeld: row['is_held'] === 1,
    credited: Number(row['credited']),
    change: toChange(row['change_base'], row['change_head'], row['change_commits']),
  };
}

/** The commit that an id stands for, as an SQL expression; `id` is one, too. */
export function commitOf(id: string): string {
  return `COALESCE((SELECT commit_id FROM commit_ids WHERE commit_ids.repo = pipelines.repo AND told = ${id}), ${id})`;
}

/** All ids of a commit, as an SQL query; both arguments are SQL expressions. */
export function idsOfCommit(repo: string, commit: string): string {
  return `SELECT ${commit} UNION ALL SELECT told FROM commit_ids WHERE commit_ids.repo = ${repo} AND commit_id = ${commit}`;
}

/** Columns of `changes`, by the names that `toPipeline` takes. */
export const changeColumns = [
  `${commitOf('changes.base')} AS change_base`,
  `${commitOf('changes.head')} AS change_head`,
  'changes.commits AS change_commits',
].join(', ');

/** All columns that `toPipeline` takes. */
export const storedColumns = `pipelines.*, ${commitOf('commit_sha')} AS commit_id, ${changeColumns}`;

/** Columns, in order, that `toTieredDeployment` takes before those of the change: read from one index. */
export const deploymentColumns = [
  'pipelines.repo',
  'tier',
  'deployed_at',
  'pipelines.number',
  'outcome',
  'started_at',
  'duration',
  'is_rework',
  'credited',
  commitOf('commit_sha'),
  'committed_at',
].join(', ');

export function toTieredDeployment(row: readonly SqlValue[]): TieredDeployment {
  const [repo, tier, at, number, outcome, startedAt, duration, isRework, credited, ...others] = row;
  const [commit, committedAt, firstSeenAt, base, head, commits] = others;
  const deployment: Deployment = {
    repo: repo as number,
    number: number as number,
    at: at as number,
    outcome: outcome as Outcome,
    startedAt: startedAt as number | null,
    durationSeconds: duration as number | null,
    isRework: isRework === 1,
    credited: credited as number,
    commit: commit as string,
    committedAt: committedAt as number | null,
    firstSeenAt: firstSeenAt as number | null,
    change: toChange(base, head, commits),
  };
  return { tier: tier as string, deployment };
}

/** The core's `lastToldAt`, as the index has it. */
export const lastToldAt =
  'COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0)';

export function toUncounted(row: SqlRow): Uncounted {
  return {
    number: Number(row['number']),
    at: Number(row['at']),
    reason: textOrNull(row['reason']) as IgnoreReason | null,
  };
}

/** Values in the order of the columns of `repos` after the key. */
export function fromRepo(repo: Omit<Repo, 'key'>): SqlValue[] {
  return [
    repo.woodpeckerId,
    repo.forgeRemoteId,
    repo.fullName,
    repo.namedAt,
    JSON.stringify(repo.defaultBranches),
    repo.horizon,
    repo.knownSince,
    Number(repo.revealed),
    Number(repo.isGone),
    JSON.stringify(repo.scan),
  ];
}

export function toRepo(row: SqlRow): Repo {
  return {
    key: Number(row['key']),
    woodpeckerId: numberOrNull(row['woodpecker_id']),
    forgeRemoteId: textOrNull(row['forge_remote_id']),
    fullName: String(row['full_name']),
    namedAt: Number(row['named_at']),
    defaultBranches: JSON.parse(String(row['default_branches'])),
    horizon: numberOrNull(row['horizon']),
    knownSince: numberOrNull(row['known_since']),
    revealed: row['is_revealed'] === 1,
    isGone: row['is_gone'] === 1,
    scan: JSON.parse(String(row['scan'])),
  };
}

/** As JSON: commits as arrays, since there may be many. */
export function fromRange(range: CommitRange | null): string | null {
  if (!range) return null;
  const added = range.added.map(({ id, committedAt, isMerge }) => [id, committedAt, Number(isMerge)]);
  return JSON.stringify({ added, removed: range.removed });
}

function toChange(
  base: SqlValue | undefined,
  head: SqlValue | undefined,
  commits: SqlValue | undefined,
): Change | null {
  if (typeof head !== 'string') return null;
  return { base: textOrNull(base), head, range: typeof commits === 'string' ? toRange(commits) : null };
}

function toRange(json: string): CommitRange {
  const { added, removed } = JSON.parse(json) as {
    added: readonly [id: string, committedAt: number, isMerge: 0 | 1][];
    removed: readonly string[];
  };
  return {
    added: added.map(([id, committedAt, isMerge]) => ({ id, committedAt, isMerge: isMerge === 1 })),
    removed,
  };
}

function toClassification(row: SqlRow): Classification {
  const tier = textOrNull(row['tier']);
  const outcome = textOrNull(row['outcome']);
  if (outcome !== null && tier !== null) {
    return {
      kind: 'deployment',
      tier,
      outcome: outcome as Outcome,
      at: Number(row['deployed_at']),
      isRework: row['is_rework'] === 1,
    };
  }
  const reason = textOrNull(row['reason']);
  if (reason !== null) return { kind: 'ignored', reason: reason as IgnoreReason, tier };
  return { kind: 'unfinished', tier: String(tier) };
}

function toSqlValue(value: PipelineRecord[keyof PipelineRecord]): SqlValue {
  if (typeof value === 'object' && value !== null) return fromWorkflows(value);
  return typeof value === 'boolean' ? Number(value) : value;
}

/** As JSON, without the names of the fields: steps take most of a row. */
function fromWorkflows(workflows: readonly Workflow[]): string | null {
  if (workflows.length === 0) return null;
  return JSON.stringify(
    workflows.map(({ steps, ...workflow }) => [
      ...fromPart(workflow),
      steps.map((step) => [...fromPart(step), step.exitCode]),
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

function textOrNull(value: SqlValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

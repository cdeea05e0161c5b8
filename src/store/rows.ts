/** Converts between the core's values and SQLite's rows. */

import type { Classification, IgnoreReason, InTier } from '../core/classification.ts';
import type { Change, CommitRange } from '../core/commit-range.ts';
import { compareText } from '../core/compare-text.ts';
import type { Deployment, Outcome } from '../core/deployment.ts';
import { lastReportedAt as reportedAt } from '../core/pipeline.ts';
import type { Repo } from '../core/repo.ts';
import { knownAfter, type StoredPipeline } from '../core/stored-pipeline.ts';
import { fine } from '../core/verdict.ts';
import { fromRecord, recordColumns, toRecord } from './record-rows.ts';
import { numberOrNull, type SqlRow, type SqlValue, textOrNull } from './sql-values.ts';
import type { TieredDeployment, Uncounted } from './store.ts';

/**
 * Classifications are stored in two places: one for the active policy, the other for the next policy while it is
 * prepared. A place is the suffix of its columns and tables.
 */
export const verdictPlaces = ['', '_b'] as const;
export type VerdictPlace = (typeof verdictPlaces)[number];

/** Columns of `pipelines`, in the order of `fromPipeline`. */
export const pipelineColumns = ['repo', ...recordColumns, 'is_held'] as const;

export function fromPipeline({ repo, record, isPending }: StoredPipeline): SqlValue[] {
  return [repo, ...fromRecord(record), Number(isPending)];
}

/** Columns of `pipelines`, in the order of `fromVerdict`. */
export const verdictColumns = (place: VerdictPlace) =>
  ['reason', 'uncounted', 'credited'].map((column) => `${column}${place}`);

export function fromVerdict({ classification, credited }: StoredPipeline): SqlValue[] {
  const { tiers, reason } = classification;
  const counted = new Set(tiers.flatMap(({ tier, kind }) => (kind === 'deployment' ? tier : [])));
  const uncounted = tiers.flatMap((one) => (one.kind === 'deployment' ? [] : [[one.tier, wordOf(one)]]));
  const others = [...credited].filter(([tier]) => !counted.has(tier));
  return [
    reason,
    uncounted.length === 0 ? null : JSON.stringify(uncounted),
    others.length === 0 ? null : JSON.stringify(others),
  ];
}

/** Columns of `deployments`, in the order of `fromDeployments`. */
export const deploymentRowColumns = [
  'repo',
  'tier',
  'deployed_at',
  'number',
  'outcome',
  'started_at',
  'duration',
  'is_rework',
  'credited',
  'commit_sha',
  'committed_at',
  'event',
  'branch',
  'ref',
  'is_restart',
  'reverts',
  'known_after',
  'is_held',
] as const;

/** A row for each tier in which the pipeline is a deployment, or unread; an unread one has no outcome. */
export function fromDeployments({
  repo,
  record,
  classification,
  isPending,
  credited,
}: StoredPipeline): SqlValue[][] {
  return classification.tiers.flatMap((one) => {
    if (one.kind !== 'deployment' && one.kind !== 'unread') return [];
    const deployment = one.kind === 'deployment' ? one : null;
    return [
      [
        repo,
        one.tier,
        deployment ? deployment.at : reportedAt(record),
        record.number,
        deployment ? deployment.outcome : null,
        deployment ? deployment.startedAt : null,
        deployment ? deployment.durationSeconds : null,
        Number(deployment?.isRework ?? false),
        credited.get(one.tier) ?? 0,
        record.commit,
        record.committedAt,
        record.event,
        record.branch,
        record.ref,
        Number((record.parent ?? 0) > 0),
        deployment && deployment.reverts.length > 0 ? deployment.reverts.join(' ') : null,
        deployment ? knownAfter(record, deployment.at) : 0,
        Number(isPending),
      ],
    ];
  });
}

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

/** The classification and the ledger bits of a pipeline under the policy that has the place. */
export function toVerdict(
  row: SqlRow,
  place: VerdictPlace,
  deployments: readonly SqlRow[],
): Pick<StoredPipeline, 'classification' | 'credited'> {
  return {
    classification: toClassification(row, place, deployments),
    credited: toCredited(row[`credited${place}`], deployments),
  };
}

/** The commit of an id, as an SQL expression; `id` and `repo` are SQL expressions, too. */
export function commitOf(id: string, repo: string): string {
  return `COALESCE((SELECT commit_id FROM commit_ids WHERE commit_ids.repo = ${repo} AND told = ${id}), ${id})`;
}

/** All ids of a commit, as an SQL query; both arguments are SQL expressions. */
export function idsOfCommit(repo: string, commit: string): string {
  return `SELECT ${commit} UNION ALL SELECT told FROM commit_ids WHERE commit_ids.repo = ${repo} AND commit_id = ${commit}`;
}

/** Base and head of a change, by the names that `toChanges` reads. */
export const changeEnds = [
  `${commitOf('changes.base', 'changes.repo')} AS change_base`,
  `${commitOf('changes.head', 'changes.repo')} AS change_head`,
].join(', ');

/** A whole change. */
export const changeColumns = `${changeEnds}, changes.commits AS change_commits`;

/** All columns of `pipelines` that `toPipeline` reads. */
export const storedColumns = `pipelines.*, ${commitOf('commit_sha', 'pipelines.repo')} AS commit_id`;

/** Columns that `toTieredDeployment` reads, in order, before the columns of the change. */
export const deploymentColumns = [
  'deployments.repo',
  'deployments.tier',
  'deployed_at',
  'deployments.number',
  'outcome',
  'started_at',
  'duration',
  'is_rework',
  'credited',
  commitOf('commit_sha', 'deployments.repo'),
  'committed_at',
  'event',
  'branch',
  'ref',
  'is_restart',
  'reverts',
  'known_after',
].join(', ');

export function toTieredDeployment(row: readonly SqlValue[]): TieredDeployment {
  const [repo, tier, at, number, outcome, startedAt, duration, isRework, credited, ...others] = row;
  const [commit, committedAt, event, branch, ref, isRestart, reverts, knownAfterSeconds, ...beside] = others;
  const [firstSeenAt, base, head, commits] = beside;
  const deployment: Deployment = {
    repo: repo as number,
    number: number as number,
    at: at as number,
    knownAfterSeconds: knownAfterSeconds as number,
    outcome: outcome as Outcome,
    startedAt: startedAt as number | null,
    durationSeconds: duration as number | null,
    isRework: isRework === 1,
    credited: credited as number,
    commit: commit as string,
    event: shared(event),
    branch: shared(branch),
    ref: shared(ref),
    isRestart: isRestart === 1,
    reverts: toReverts(reverts),
    mark: null,
    committedAt: committedAt as number | null,
    firstSeenAt: firstSeenAt as number | null,
    change: toChange(base, head, commits),
    repair: null,
    verdict: fine,
  };
  return { tier: tier as string, deployment };
}

const mostShared = 10_000;
const sharedTexts = new Map<string, string>();

/** Returns the same string for equal values, to save memory: a million deployments may have few branches. */
function shared(value: SqlValue | undefined): string | null {
  if (typeof value !== 'string') return null;
  const known = sharedTexts.get(value);
  if (known !== undefined) return known;
  if (sharedTexts.size === mostShared) sharedTexts.clear();
  sharedTexts.set(value, value);
  return value;
}

const noReverts: readonly string[] = [];

function toReverts(value: SqlValue | undefined): readonly string[] {
  return typeof value === 'string' ? value.split(' ') : noReverts;
}

/** `lastReportedAt` of `core/pipeline.ts` as an SQL expression, exactly as in the index. */
export const lastReportedAt =
  'COALESCE(finished_at, first_end_report_at, NULLIF(updated_at, 0) - clock_ahead, started_at, created_at, 0)';

/** `null`: the tier does not take the pipeline, or it is a deployment there. */
export function toUncounted(row: SqlRow, tier: string): Uncounted | null {
  const [number, at] = [Number(row['number']), Number(row['at'])];
  const reason = textOrNull(row['reason']) as IgnoreReason | null;
  if (row['uncounted'] === null) return reason === null ? null : { number, at, reason };
  const word = toWords(row['uncounted']).find(([one]) => one === tier)?.[1];
  return word === undefined ? null : { number, at, reason: word === 'unfinished' ? null : word };
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

/** As JSON, with commits as arrays, since there may be many. */
export function fromRange(range: CommitRange | null): string | null {
  if (!range) return null;
  const added = range.added.map(({ id, committedAt, isMerge }) => [id, committedAt, Number(isMerge)]);
  return JSON.stringify({ added, removed: range.removed, reverts: range.reverts });
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
  const { added, removed, reverts } = JSON.parse(json) as {
    added: readonly [id: string, committedAt: number, isMerge: 0 | 1][];
    removed: readonly string[];
    reverts?: readonly string[];
  };
  return {
    added: added.map(([id, committedAt, isMerge]) => ({ id, committedAt, isMerge: isMerge === 1 })),
    removed,
    ...(reverts && { reverts }),
  };
}

type Word = IgnoreReason | 'unread' | 'unfinished';

function wordOf(one: Exclude<InTier, { kind: 'deployment' }>): Word {
  return one.kind === 'ignored' ? one.reason : one.kind;
}

function toWords(json: SqlValue | undefined): readonly (readonly [tier: string, word: Word])[] {
  return typeof json === 'string' ? JSON.parse(json) : [];
}

function toClassification(row: SqlRow, place: VerdictPlace, deployments: readonly SqlRow[]): Classification {
  const uncounted = toWords(row[`uncounted${place}`]).map(([tier, word]): InTier => {
    if (word === 'unread' || word === 'unfinished') return { tier, kind: word };
    return { tier, kind: 'ignored', reason: word };
  });
  const counted = deployments.map(
    (one): InTier => ({
      tier: String(one['tier']),
      kind: 'deployment',
      outcome: String(one['outcome']) as Outcome,
      at: Number(one['deployed_at']),
      startedAt: numberOrNull(one['started_at']),
      durationSeconds: numberOrNull(one['duration']),
      isRework: one['is_rework'] === 1,
      reverts: toReverts(one['reverts']),
    }),
  );
  return {
    tiers: [...counted, ...uncounted].sort((a, b) => compareText(a.tier, b.tier)),
    reason: textOrNull(row[`reason${place}`]) as IgnoreReason | null,
  };
}

function toCredited(credited: SqlValue | undefined, deployments: readonly SqlRow[]): Map<string, number> {
  const others = typeof credited === 'string' ? (JSON.parse(credited) as [string, number][]) : [];
  const counted = deployments.map((one) => [String(one['tier']), Number(one['credited'])] as const);
  return new Map([...counted, ...others]);
}

function toChanges(rows: readonly SqlRow[]): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const row of rows) {
    const change = toChange(row['change_base'], row['change_head'], row['change_commits']);
    if (change) changes.set(String(row['tier']), change);
  }
  return changes;
}

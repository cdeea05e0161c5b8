/**
 * The record of a pipeline, and the merge of two observations of one pipeline into one record.
 *
 * Guarantees: `mergeRecords` is associative, commutative and idempotent, so the record of a pipeline depends on the set
 * of its observations alone, never on their order, number or source. It knows no wire names, no policies and no clock.
 */

import { compareText } from './compare-text.ts';
import { compareEndClocks, withClock } from './our-clock.ts';
import { compareRanks } from './status-rank.ts';
import { areSameReports, joinTierReports, type TierReport } from './tier-report.ts';
import { areSameWorkflows, joinWorkflows, type Workflow } from './workflow.ts';

/** Statuses after which Woodpecker runs no further step; a pipeline of any other status has not ended. */
const endedStatuses = new Set(['success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped']);

/** All times are Unix seconds, and by our clock unless they say otherwise. */
export interface PipelineRecord {
  /** Number within the repo, from 1. */
  readonly number: number;
  /** Woodpecker's id over all repos; 0: not in the observation. */
  readonly id: number;
  readonly status: string;
  /** `null`: not in the observation. */
  readonly event: string | null;
  /** `null`: not in the observation. */
  readonly branch: string | null;
  /** Such as `refs/heads/main`; `null`: not in the observation. */
  readonly ref: string | null;
  /** Number of the pipeline that this one restarts, 0 for none; `null`: not in the observation. */
  readonly parent: number | null;
  readonly deployTo: string;
  readonly commit: string;
  readonly message: string;
  readonly fromFork: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  /**
   * Its end, checked against the other clocks; `null` if it has not ended, or no time is known. If only reports for
   * tiers are known: the end of the first of these.
   */
  readonly finishedAt: number | null;
  /** Whether start and finish are from one clock: only then is their difference the duration. */
  readonly hasOneClock: boolean;
  /** Lead of Woodpecker's clock over ours when the end was first seen, in seconds; the times are corrected by it. */
  readonly clockAhead: number;
  /** Receipt of the first observation of an end from Woodpecker; `null`: none yet. */
  readonly endSeenAt: number | null;
  /** The server's last write by its own clock; 0: not in the observation. */
  readonly updatedAt: number;
  /** Time of its commit; `null`: no step reported it. */
  readonly committedAt: number | null;
  /** Whether its workflows are known; it may have none. */
  readonly hasWorkflows: boolean;
  readonly fromRest: boolean;
  /**
   * Name of the step whose failure cancelled it, according to Woodpecker; `null`: none. A restart copies the name from
   * its parent, see `cancellation.ts`.
   */
  readonly canceledByStep: string | null;
  /** Receipt of the first report of an end without a time; `null`: none. */
  readonly firstEndReportAt: number | null;
  /** In the order of `inOrder`; empty before its end, and if it can never count. */
  readonly workflows: readonly Workflow[];
  /** Reports by steps for tiers, sorted by tier. */
  readonly tierReports: readonly TierReport[];
}

/** Whether the pipeline has ended, or a step has reported an end for a tier. */
export function isOver({ status, tierReports }: Pick<PipelineRecord, 'status' | 'tierReports'>): boolean {
  return isEnded(status) || tierReports.some((report) => isEnded(report.status));
}

/** Whether a pipeline of this status has ended. With an unknown status it has not. */
export function isEnded(status: string): boolean {
  return endedStatuses.has(status);
}

/** Whether the event is that of a pull request. Pull requests never count. */
export function isPullRequest(event: string | null): boolean {
  return event?.startsWith('pull_request') ?? false;
}

/** End of the pipeline, Unix seconds; `null` if it has not ended, or no time is known. */
export function endedAt(record: PipelineRecord): number | null {
  if (!isEnded(record.status)) return null;
  return record.finishedAt ?? record.firstEndReportAt;
}

/**
 * Time of a pipeline that is no deployment, Unix seconds: its end, else its last update, its start or its creation;
 * 0: no time is known.
 */
export function lastReportedAt(record: PipelineRecord): number {
  const { finishedAt, firstEndReportAt, updatedAt, clockAhead, startedAt, createdAt } = record;
  return (
    finishedAt ?? firstEndReportAt ?? (updatedAt ? updatedAt - clockAhead : (startedAt ?? createdAt ?? 0))
  );
}

/**
 * Orders two observations of one pipeline: positive if `a` is the newer or better one. The order is total: 0 only if
 * both are equal in all `reportedFields`. A higher id under the same number is another, later pipeline.
 */
export function compareRecords(a: PipelineRecord, b: PipelineRecord): number {
  return compareAsSaid(withClock(a, 0), withClock(b, 0));
}

/** `compareRecords` for records in Woodpecker's own time. */
function compareAsSaid(a: PipelineRecord, b: PipelineRecord): number {
  return (
    a.id - b.id ||
    a.updatedAt - b.updatedAt ||
    Number(isEnded(a.status)) - Number(isEnded(b.status)) ||
    Number(a.hasWorkflows) - Number(b.hasWorkflows) ||
    Number(a.fromRest) - Number(b.fromRest) ||
    compareOutcomes(a, b) ||
    compareText(fingerprint(a), fingerprint(b))
  );
}

/** Merges two observations of the same repo and number into one record. */
export function mergeRecords(a: PipelineRecord, b: PipelineRecord): PipelineRecord {
  if (a.id !== b.id) return a.id > b.id ? a : b;
  // Compare in Woodpecker's own time: in ours, an observation differs from itself after a change of the correction.
  const [one, other] = [withClock(a, 0), withClock(b, 0)];
  const merged = a.updatedAt === 0 && b.updatedAt === 0 ? joinReports(one, other) : takeNewer(one, other);
  const first = compareEndClocks(a, b) <= 0 ? a : b;
  for (const [known, asSaid] of [[a, one] as const, [b, other] as const]) {
    if (merged === asSaid && compareEndClocks(known, first) === 0) return known;
  }
  return { ...withClock(merged, first.clockAhead), endSeenAt: first.endSeenAt };
}

/** The newer observation. Tier reports, the first report of an end, and workflows of the same update are joined. */
function takeNewer(a: PipelineRecord, b: PipelineRecord): PipelineRecord {
  const [winner, loser] = compareAsSaid(a, b) >= 0 ? [a, b] : [b, a];
  const firstEndReportAt = earliest(a.firstEndReportAt, b.firstEndReportAt);
  const workflows =
    a.updatedAt === b.updatedAt ? joinWorkflows(winner.workflows, loser.workflows) : winner.workflows;
  const tierReports = joinTierReports(winner.tierReports, loser.tierReports, compareStatuses);
  const isWinner =
    firstEndReportAt === winner.firstEndReportAt &&
    workflows === winner.workflows &&
    tierReports === winner.tierReports;
  return isWinner ? winner : { ...winner, firstEndReportAt, workflows, tierReports };
}

/**
 * Joins two reports without `updated`. Neither is newer, and each may contain a field that the other lacks, so a field
 * stays known once it was reported. Each field takes its greatest value, so that the order never matters; the fields of
 * the end stay together, by the rules of `compareRecords`. Returns one of the two if the other adds nothing.
 */
function joinReports(a: PipelineRecord, b: PipelineRecord): PipelineRecord {
  const { status, finishedAt, canceledByStep } = compareEnds(a, b) >= 0 ? a : b;
  const joined: PipelineRecord = {
    number: a.number,
    id: a.id,
    status,
    event: greatest(a.event, b.event),
    branch: greatest(a.branch, b.branch),
    ref: greatest(a.ref, b.ref),
    parent: latest(a.parent, b.parent),
    deployTo: greatest(a.deployTo, b.deployTo),
    commit: greatest(a.commit, b.commit),
    message: greatest(a.message, b.message),
    fromFork: a.fromFork || b.fromFork,
    createdAt: earliest(a.createdAt, b.createdAt),
    startedAt: earliest(a.startedAt, b.startedAt),
    finishedAt,
    hasOneClock: a.hasOneClock && b.hasOneClock,
    clockAhead: 0,
    endSeenAt: null,
    updatedAt: 0,
    committedAt: earliest(a.committedAt, b.committedAt),
    hasWorkflows: a.hasWorkflows || b.hasWorkflows,
    fromRest: a.fromRest || b.fromRest,
    canceledByStep,
    firstEndReportAt: earliest(a.firstEndReportAt, b.firstEndReportAt),
    workflows: joinWorkflows(a.workflows, b.workflows),
    tierReports: joinTierReports(a.tierReports, b.tierReports, compareStatuses),
  };
  const adds = (known: PipelineRecord) =>
    joined.firstEndReportAt !== known.firstEndReportAt ||
    fingerprint(joined) !== fingerprint(known) ||
    !areSameWorkflows(joined.workflows, known.workflows) ||
    !areSameReports(joined.tierReports, known.tierReports);
  if (!adds(a)) return a;
  return adds(b) ? joined : b;
}

type End = Pick<PipelineRecord, 'status' | 'finishedAt'>;

function compareEnds(a: PipelineRecord, b: PipelineRecord): number {
  return compareStatuses(a, b) || compareText(a.canceledByStep ?? '', b.canceledByStep ?? '');
}

function compareStatuses(a: End, b: End): number {
  return (
    Number(isEnded(a.status)) - Number(isEnded(b.status)) ||
    compareOutcomes(a, b) ||
    compareText(a.status, b.status)
  );
}

function compareOutcomes(a: End, b: End): number {
  return (
    compareRanks(a.status, b.status) ||
    // The earlier finish wins: a finish that was replaced by its time of receipt then never moves.
    (b.finishedAt ?? Number.MAX_SAFE_INTEGER) - (a.finishedAt ?? Number.MAX_SAFE_INTEGER)
  );
}

/** Whether two records have the same content, whatever their sources. */
export function saysTheSame(a: PipelineRecord, b: PipelineRecord): boolean {
  const content = (record: PipelineRecord) =>
    fingerprint({ ...withClock(record, 0), hasWorkflows: false, fromRest: false, firstEndReportAt: null });
  const areWorkflowsEqual =
    a.workflows.length === 0 || b.workflows.length === 0 || areSameWorkflows(a.workflows, b.workflows);
  const areReportsEqual =
    a.firstEndReportAt === b.firstEndReportAt && areSameReports(a.tierReports, b.tierReports);
  return content(a) === content(b) && areReportsEqual && areWorkflowsEqual;
}

/** The fields that are not joined separately. Their order decides ties. */
const reportedFields = Object.keys({
  number: true,
  id: true,
  status: true,
  event: true,
  branch: true,
  ref: true,
  parent: true,
  deployTo: true,
  commit: true,
  message: true,
  fromFork: true,
  createdAt: true,
  startedAt: true,
  finishedAt: true,
  hasOneClock: true,
  updatedAt: true,
  committedAt: true,
  hasWorkflows: true,
  fromRest: true,
  canceledByStep: true,
} satisfies Record<
  Exclude<
    keyof PipelineRecord,
    'firstEndReportAt' | 'workflows' | 'tierReports' | 'clockAhead' | 'endSeenAt'
  >,
  true
>) as (keyof PipelineRecord)[];

function fingerprint(record: PipelineRecord): string {
  return JSON.stringify(reportedFields.map((field) => record[field]));
}

/** The text that sorts last; any text rather than `null`. */
function greatest<T extends string | null>(a: T, b: T): T {
  if (a === null || b === null) return a ?? b;
  return compareText(a, b) >= 0 ? a : b;
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

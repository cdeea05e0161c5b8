/**
 * A pipeline as one observation told it, and how two observations of the same pipeline become one.
 *
 * Guarantees: `mergeRecords` is associative, commutative and idempotent, so the record of a pipeline depends on the set
 * of its observations alone, never on their order, number or source. Refuses to know: wire names, policies, the clock.
 */

import { compareText } from './compare-text.ts';
import { compareEndClocks, withClock } from './our-clock.ts';
import { compareRanks } from './status-rank.ts';
import { areSameReports, joinTierReports, type TierReport } from './tier-report.ts';
import { areSameWorkflows, joinWorkflows, type Workflow } from './workflow.ts';

/** Statuses after which Woodpecker runs no further step; what is not listed here has not ended. */
const endedStatuses = new Set(['success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped']);

/** All times are Unix seconds, and by our clock unless they say otherwise. */
export interface PipelineRecord {
  /** Counts within the repo, from 1. */
  readonly number: number;
  /** Woodpecker's id over all repos; 0 where the observation did not tell it. */
  readonly id: number;
  readonly status: string;
  /** `null` where the observation did not tell it. */
  readonly event: string | null;
  /** `null` where the observation did not tell it. */
  readonly branch: string | null;
  /** Such as `refs/heads/main`; `null` where the observation did not tell it. */
  readonly ref: string | null;
  /** Number of the pipeline that this one restarts, 0 for none; `null` where the observation did not tell it. */
  readonly parent: number | null;
  readonly deployTo: string;
  readonly commit: string;
  readonly message: string;
  readonly fromFork: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  /**
   * When it ended, checked against the other clocks; `null` if it has not, or nothing tells when. If only reports for
   * tiers are known, when the first of these ended.
   */
  readonly finishedAt: number | null;
  /** Whether one clock told both start and finish: only then is the time between them how long it ran. */
  readonly hasOneClock: boolean;
  /** By how many seconds Woodpecker's clock was ahead of ours when the end was first seen; times are corrected by it. */
  readonly clockAhead: number;
  /** Receipt of the first observation that Woodpecker made of an end; `null`: none yet. */
  readonly endSeenAt: number | null;
  /** The server's last write by its own clock; 0 where the observation did not tell it. */
  readonly updatedAt: number;
  /** When its commit was made, where a step reported that. */
  readonly committedAt: number | null;
  /** Whether its workflows are known, if only that there are none. */
  readonly hasWorkflows: boolean;
  readonly fromRest: boolean;
  /**
   * Name of the step whose failure is said to have cancelled it, `null` for none. A restart copies the name from its
   * parent, see `cancellation.ts`.
   */
  readonly canceledByStep: string | null;
  /** Receipt of the first report of an end that told no time of its own. */
  readonly firstEndReportAt: number | null;
  /** What ran in it, in the order of `inOrder`; empty before its end, and if it can never count. */
  readonly workflows: readonly Workflow[];
  /** What steps reported for tiers that they named, sorted by tier. */
  readonly tierReports: readonly TierReport[];
}

/** Whether it has ended as a whole, or as far as a step reported for a tier. */
export function isOver({ status, tierReports }: Pick<PipelineRecord, 'status' | 'tierReports'>): boolean {
  return isEnded(status) || tierReports.some((report) => isEnded(report.status));
}

/** Whether Woodpecker is done with a pipeline of this status. A status not known here is taken as still going on. */
export function isEnded(status: string): boolean {
  return endedStatuses.has(status);
}

/** Whether the event is one of a pull request's; those never count. */
export function isPullRequest(event: string | null): boolean {
  return event?.startsWith('pull_request') ?? false;
}

/** When the pipeline ended, in Unix seconds; `null` where it has not, or nothing tells when. */
export function endedAt(record: PipelineRecord): number | null {
  if (!isEnded(record.status)) return null;
  return record.finishedAt ?? record.firstEndReportAt;
}

/**
 * Where a pipeline that is no deployment stands in time, Unix seconds: at its end, else at the last that was told of it;
 * 0 where nothing tells.
 */
export function lastToldAt(record: PipelineRecord): number {
  const { finishedAt, firstEndReportAt, updatedAt, clockAhead, startedAt, createdAt } = record;
  return (
    finishedAt ?? firstEndReportAt ?? (updatedAt ? updatedAt - clockAhead : (startedAt ?? createdAt ?? 0))
  );
}

/**
 * Orders two observations of one pipeline: positive where `a` is the newer or better one. Total: 0 only where both say
 * the same of everything but workflows. A higher id under the same number is another, later pipeline.
 */
export function compareRecords(a: PipelineRecord, b: PipelineRecord): number {
  return compareAsSaid(withClock(a, 0), withClock(b, 0));
}

/** Of two records in Woodpecker's own time. */
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

/** The one record that two observations of the same repo and number add up to. */
export function mergeRecords(a: PipelineRecord, b: PipelineRecord): PipelineRecord {
  if (a.id !== b.id) return a.id > b.id ? a : b;
  // In Woodpecker's own time: by our clock, an observation would differ from itself once the difference has changed.
  const [one, other] = [withClock(a, 0), withClock(b, 0)];
  const merged = a.updatedAt === 0 && b.updatedAt === 0 ? joinReports(one, other) : takeNewer(one, other);
  const first = compareEndClocks(a, b) <= 0 ? a : b;
  for (const [known, asSaid] of [[a, one] as const, [b, other] as const]) {
    if (merged === asSaid && compareEndClocks(known, first) === 0) return known;
  }
  return { ...withClock(merged, first.clockAhead), endSeenAt: first.endSeenAt };
}

/** Workflows and the first report of an end are joined by themselves; all else is that of the newer observation. */
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
 * Of reports that tell no update none is the newer one, and each may tell what another leaves out: what one has told
 * stays told, whatever comes before or after. Field by field a greatest value, so that their order never matters; the end
 * goes as one, by the rules of `compareRecords`. One of the two itself where the other brings nothing.
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
    // The earlier finish wins: a finish replaced by its time of receipt then stays what it was first.
    (b.finishedAt ?? Number.MAX_SAFE_INTEGER) - (a.finishedAt ?? Number.MAX_SAFE_INTEGER)
  );
}

/** Whether two records say the same of a pipeline, however each came to be known. */
export function saysTheSame(a: PipelineRecord, b: PipelineRecord): boolean {
  const content = (record: PipelineRecord) =>
    fingerprint({ ...withClock(record, 0), hasWorkflows: false, fromRest: false, firstEndReportAt: null });
  const areWorkflowsEqual =
    a.workflows.length === 0 || b.workflows.length === 0 || areSameWorkflows(a.workflows, b.workflows);
  const areReportsEqual =
    a.firstEndReportAt === b.firstEndReportAt && areSameReports(a.tierReports, b.tierReports);
  return content(a) === content(b) && areReportsEqual && areWorkflowsEqual;
}

/** What of an observation is not joined by itself. In this order, which decides ties. */
const toldFields = Object.keys({
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
  return JSON.stringify(toldFields.map((field) => record[field]));
}

/** Told over not told, then the text that sorts last. */
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

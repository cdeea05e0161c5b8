/**
 * Merges two observations of one pipeline into one record.
 *
 * Guarantees: `mergeRecords` is associative, commutative and idempotent, so the record of a pipeline depends on the set
 * of its observations alone, never on their order, number or source.
 */

import { compareText } from './compare-text.ts';
import { compareEndClocks, withClock } from './our-clock.ts';
import { isEnded, type PipelineRecord } from './pipeline.ts';
import { compareRanks } from './status-rank.ts';
import { areSameReports, earliest, joinTierReports } from './tier-report.ts';
import { areSameWorkflows, joinWorkflows } from './workflow.ts';

/**
 * Orders two observations of one pipeline, both in Woodpecker's own time: positive if `a` is the newer or better one. The
 * order is total: 0 only if both are equal in all `reportedFields`. A higher id under the same number is another, later
 * pipeline.
 */
function compareRecords(a: PipelineRecord, b: PipelineRecord): number {
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
  const [winner, loser] = compareRecords(a, b) >= 0 ? [a, b] : [b, a];
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

function latest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}

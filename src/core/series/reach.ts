/**
 * Finds how far back a change can alter the verdicts of a timeline's deployments: earlier ones need not be judged
 * again.
 */

import { countBefore } from '../count-before.ts';
import { type Deployment, startOf } from '../deployment.ts';
import { isStale } from '../failures/incidents.ts';
import { longestWaitSeconds } from '../failures/judge.ts';
import type { Incident } from '../incident.ts';
import type { Episode } from '../verdict.ts';
import { summarize, summaryOf } from './chunk-summary.ts';
import { type Chunk, chunksOf } from './chunks.ts';
import type { Timeline } from './timeline.ts';

/** Input of the last judgement of a timeline. */
export interface JudgedBy {
  readonly incidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

export interface Change {
  /** As they are after the change. */
  readonly deployments: readonly Deployment[];
  /** Index of the first deployment that may differ from before; the number of deployments if none does. */
  readonly from: number;
  /** The removed and the inserted deployments. */
  readonly moved: readonly Deployment[];
  /** Numbers of the deployments that a changed, new or removed deployment repairs, or repaired before. */
  readonly repairedNumbers: ReadonlySet<number>;
  readonly incidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

/**
 * Index of the first deployment that must be judged again: the first that differs, or the start of a chunk. The change
 * cannot alter the verdicts of earlier deployments, and no episode of failure and no incident spans this index.
 */
export function beginOfJudgement(timeline: Timeline, change: Change): number {
  const { incidents, from, deployments, moved } = change;
  const { staleSeconds } = timeline.rules.failures.incident;
  const reach = reachOf(timeline, change);
  const firstMoved = moved.reduce((earliest, { at }) => Math.min(earliest, at), Number.POSITIVE_INFINITY);
  // A removed deployment may have ended an episode before the first of the remaining ones.
  const mayBegin = ({ at }: Deployment): boolean =>
    at < reach && !isInEpisode(timeline.episodes, Math.min(at, firstMoved));
  const changed = deployments[from];
  if (incidents.length === 0 && changed && mayBegin(changed)) return from;
  const chunks = chunksOf(timeline);
  const latestStarts = incidents.length > 0 ? latestStartsBefore(chunks) : [];
  let earliestStart = incidents.length > 0 ? summarize(deployments.slice(from)).earliestStart : 0;
  let start = timeline.recent.length;
  for (let index = chunks.length - 1; index >= 0; index--) {
    const chunk = chunks[index] as Chunk;
    start -= chunk.deployments.length;
    if (incidents.length > 0) earliestStart = Math.min(earliestStart, summaryOf(chunk).earliestStart);
    const first = deployments[start];
    if (start > from || !first || !mayBegin(first)) continue;
    if (incidents.length === 0) return start;
    const reachesOver = (incident: Incident) =>
      incident.start < first.at &&
      (incident.start >= earliestStart || openUntil(incident, staleSeconds) >= first.at);
    // No earlier deployment started later, so later incidents belong to this deployment or to one after it.
    if (startOf(first) > (latestStarts[index] ?? 0) && !incidents.some(reachesOver)) return start;
  }
  return 0;
}

/** Unix seconds: the change cannot alter the verdict of a deployment that finished before. */
function reachOf(timeline: Timeline, change: Change): number {
  const { deployments, from, moved, repairedNumbers, incidents, now } = change;
  const { judgedBy: before } = timeline;
  if (before === null) return Number.NEGATIVE_INFINITY;
  let reach = timeOfRepaired(deployments, from, repairedNumbers);
  if (before.incidents.length + incidents.length === 0) return reach;
  const { withinSeconds, staleSeconds } = timeline.rules.failures.incident;
  const judgedAt = Math.min(before.now, now);
  const isSettledOne = (incident: Incident) => isSettled(incident, judgedAt, staleSeconds);
  const starts = [
    ...moved.map(startOf),
    ...changedIncidents(before.incidents, incidents, isSettledOne).map(({ start }) => start),
  ];
  for (const start of starts) reach = Math.min(reach, start - Number(withinSeconds));
  return reach;
}

/** Earliest finish of the deployments before index `end` that have the numbers `repairedNumbers`; infinite: none has. */
function timeOfRepaired(
  deployments: readonly Deployment[],
  end: number,
  repairedNumbers: ReadonlySet<number>,
): number {
  const left = new Set(repairedNumbers);
  let earliest = Number.POSITIVE_INFINITY;
  for (let index = end - 1; index >= 0 && left.size > 0; index--) {
    const { number, at } = deployments[index] as Deployment;
    if (left.delete(number)) earliest = at;
  }
  return earliest;
}

/** Incidents that are new, removed, changed or not settled; the earlier version too, if there is one. */
function changedIncidents(
  before: readonly Incident[],
  after: readonly Incident[],
  isSettledOne: (incident: Incident) => boolean,
): readonly Incident[] {
  const known = new Map(before.map((incident) => [incident.id, incident]));
  const changed: Incident[] = [];
  for (const incident of after) {
    const earlier = known.get(incident.id);
    known.delete(incident.id);
    if (earlier && isSame(earlier, incident) && isSettledOne(incident)) continue;
    changed.push(incident);
    if (earlier) changed.push(earlier);
  }
  return [...changed, ...known.values()];
}

function isSame(a: Incident, b: Incident): boolean {
  return a.start === b.start && a.end === b.end && a.receivedAt === b.receivedAt;
}

/**
 * Whether time alone no longer changes anything about the incident after `judgedAt`: it has ended, is stale, or is an
 * open report, which never gets stale; and no counter waits for a pipeline that ran at its start.
 */
function isSettled(incident: Incident, judgedAt: number, staleSeconds: number): boolean {
  const { start, end, receivedAt } = incident;
  const isOver =
    end === null ? receivedAt === null || isStale(incident, judgedAt, staleSeconds) : end <= judgedAt;
  return isOver && start + longestWaitSeconds <= judgedAt;
}

/** Unix seconds until which another incident may join the incident; infinite for an open report. */
function openUntil({ end, receivedAt }: Incident, staleSeconds: number): number {
  if (end !== null) return end;
  return receivedAt === null ? Number.POSITIVE_INFINITY : receivedAt + staleSeconds;
}

/** For each chunk, the latest start of the deployments in the chunks before it. */
function latestStartsBefore(chunks: readonly Chunk[]): readonly number[] {
  let latest = Number.NEGATIVE_INFINITY;
  return chunks.map((chunk) => {
    const before = latest;
    latest = Math.max(latest, summaryOf(chunk).latestStart);
    return before;
  });
}

/** Whether `at` lies within an episode, its start and end included. */
function isInEpisode(episodes: readonly Episode[], at: number): boolean {
  const begun = countBefore(episodes, ({ start }) => start > at);
  const end = begun === 0 ? undefined : episodes[begun - 1]?.end;
  return end === null || (end !== undefined && end >= at);
}

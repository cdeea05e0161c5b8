/**
 * How far back a change shows the deployments of a timeline in another light, so that those before need not be judged
 * again.
 */

import type { Deployment } from '../deployment.ts';
import { isStale } from '../failures/incidents.ts';
import { longestWaitSeconds } from '../failures/judge.ts';
import type { Incident } from '../incident.ts';
import type { Episode } from '../verdict.ts';
import { startOf, summarize, summaryOf } from './chunk-summary.ts';
import { type Chunk, chunksOf, countBefore } from './chunks.ts';
import type { Timeline } from './reducer.ts';

/** What a timeline was judged by. */
export interface JudgedBy {
  readonly incidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

export interface Change {
  /** After the change. */
  readonly deployments: readonly Deployment[];
  /** Index of the first deployment that is new, or may be; the number of deployments if none is. */
  readonly from: number;
  /** Deployments that come or go. */
  readonly moved: readonly Deployment[];
  /** Numbers of the deployments of which others show by the change that they failed, or show it no longer. */
  readonly shown: ReadonlySet<number>;
  readonly incidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

/**
 * Index of the first deployment that must be judged again: the change says nothing of earlier ones, and neither an episode
 * of failure nor an incident reaches from before it to after it.
 */
export function beginOfJudgement(timeline: Timeline, change: Change): number {
  const { incidents, from, deployments } = change;
  const { staleSeconds } = timeline.rules.failures.incident;
  const reach = reachOf(timeline, change);
  const chunks = chunksOf(timeline);
  const latestStarts = incidents.length > 0 ? latestStartsBefore(chunks) : [];
  let earliestStart = incidents.length > 0 ? summarize(deployments.slice(from)).earliestStart : 0;
  let start = timeline.recent.length;
  for (let index = chunks.length - 1; index >= 0; index--) {
    const chunk = chunks[index] as Chunk;
    start -= chunk.deployments.length;
    if (incidents.length > 0) earliestStart = Math.min(earliestStart, summaryOf(chunk).earliestStart);
    const first = deployments[start];
    if (start > from || !first || first.at >= reach || isInEpisode(timeline.episodes, first.at)) continue;
    if (incidents.length === 0) return start;
    const reachesOver = (incident: Incident) =>
      incident.start < first.at &&
      (incident.start >= earliestStart || openUntil(incident, staleSeconds) >= first.at);
    // Incidents after it belong to it, or to one that started later.
    if (startOf(first) > (latestStarts[index] ?? 0) && !incidents.some(reachesOver)) return start;
  }
  return 0;
}

/** Unix seconds: nothing that ended before is shown in another light. */
function reachOf(timeline: Timeline, change: Change): number {
  const { deployments, from, moved, shown, incidents, now } = change;
  const { judgedBy: before } = timeline;
  if (before === null) return Number.NEGATIVE_INFINITY;
  const judgedAt = Math.min(before.now, now);
  let reach = Math.min(timeOfShown(deployments, from, shown), timeOfUnsettledMark(timeline, judgedAt));
  if (before.incidents.length + incidents.length === 0) return reach;
  const { withinSeconds, staleSeconds } = timeline.rules.failures.incident;
  const isSettledOne = (incident: Incident) => isSettled(incident, judgedAt, staleSeconds);
  const starts = [
    ...moved.map(startOf),
    ...changedIncidents(before.incidents, incidents, isSettledOne).map(({ start }) => start),
  ];
  for (const start of starts) reach = Math.min(reach, start - Number(withinSeconds));
  return reach;
}

/** The earliest finish of the deployments with such numbers before index `end`; infinite: there are none. */
function timeOfShown(deployments: readonly Deployment[], end: number, shown: ReadonlySet<number>): number {
  const left = new Set(shown);
  let earliest = Number.POSITIVE_INFINITY;
  for (let index = end - 1; index >= 0 && left.size > 0; index--) {
    const { number, at } = deployments[index] as Deployment;
    if (left.delete(number)) earliest = at;
  }
  return earliest;
}

/** Finish of the first deployment of the first chunk that has a mark that spoke of a time to come. */
function timeOfUnsettledMark(timeline: Timeline, judgedAt: number): number {
  const first = chunksOf(timeline).find((chunk) => summaryOf(chunk).latestRecovery > judgedAt);
  return first?.deployments[0]?.at ?? Number.POSITIVE_INFINITY;
}

/** Incidents that are new, gone, or another, and those that are not settled. */
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

/** Whether time alone changes nothing of it after `judgedAt`: it is over or stale, and waits for no pipeline. */
function isSettled(incident: Incident, judgedAt: number, staleSeconds: number): boolean {
  const { start, end, receivedAt } = incident;
  const isOver =
    end === null ? receivedAt === null || isStale(incident, judgedAt, staleSeconds) : end <= judgedAt;
  return isOver && start + longestWaitSeconds <= judgedAt;
}

/** Until when another incident may join it; infinite: it is open. */
function openUntil({ end, receivedAt }: Incident, staleSeconds: number): number {
  if (end !== null) return end;
  return receivedAt === null ? Number.POSITIVE_INFINITY : receivedAt + staleSeconds;
}

/** For each chunk, when the last of the deployments before it started. */
function latestStartsBefore(chunks: readonly Chunk[]): readonly number[] {
  let latest = Number.NEGATIVE_INFINITY;
  return chunks.map((chunk) => {
    const before = latest;
    latest = Math.max(latest, summaryOf(chunk).latestStart);
    return before;
  });
}

/** Whether an episode begins by `at` and does not end before it. */
function isInEpisode(episodes: readonly Episode[], at: number): boolean {
  const begun = countBefore(episodes, ({ start }) => start > at);
  const end = begun === 0 ? undefined : episodes[begun - 1]?.end;
  return end === null || (end !== undefined && end >= at);
}

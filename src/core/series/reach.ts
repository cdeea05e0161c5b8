/**
 * Finds how far a change can alter the verdicts of a timeline's deployments, back and ahead: earlier and later ones
 * need not be judged again.
 */

import { countBefore } from '../count-before.ts';
import { type Deployment, startOf } from '../deployment.ts';
import type { Incident } from '../incident.ts';
import type { Episode } from '../verdict.ts';
import { summaryOf } from './chunk-summary.ts';
import { type Chunk, chunksOf } from './chunks.ts';
import type { Timeline } from './timeline.ts';

export interface Change {
  /** As they are after the change. */
  readonly deployments: readonly Deployment[];
  /** Index of the first deployment that may differ from before; the number of deployments if none does. */
  readonly from: number;
  /** The removed and the inserted deployments. */
  readonly moved: readonly Deployment[];
  /** Unix seconds: finish of the first one; infinite: there is none. */
  readonly firstMovedAt: number;
  /** Numbers of the deployments that a changed, new or removed deployment repairs, or repaired before. */
  readonly repairedNumbers: ReadonlySet<number>;
  readonly incidents: readonly Incident[];
  /** Result of `changedIncidents` since the last judgement; empty if there was none. */
  readonly changedIncidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

/**
 * Index of the first deployment that must be judged again: the first that differs, or the start of a chunk. The change
 * cannot alter the verdicts of earlier deployments, and no episode of failure and no incident spans this index.
 */
export function beginOfJudgement(timeline: Timeline, change: Change): number {
  const { incidents, from, deployments, firstMovedAt } = change;
  const { staleSeconds } = timeline.rules.failures.incident;
  const reach = reachOf(timeline, change);
  // A removed deployment may have ended an episode before the first of the remaining ones.
  const mayBegin = ({ at }: Deployment): boolean =>
    at < reach && !isInEpisode(timeline.episodes, Math.min(at, firstMovedAt));
  const changed = deployments[from];
  if (incidents.length === 0 && changed && mayBegin(changed)) return from;
  const chunks = chunksOf(timeline);
  const latestStarts = incidents.length > 0 ? latestStartsBefore(chunks) : [];
  // A moved deployment starts after `reach`, so no incident before it is its own.
  let earliestStart = Number.POSITIVE_INFINITY;
  let start = timeline.recent.length;
  for (let index = chunks.length - 1; index >= 0; index--) {
    const chunk = chunks[index] as Chunk;
    start -= chunk.deployments.length;
    if (incidents.length > 0) earliestStart = Math.min(earliestStart, summaryOf(chunk).earliestStart);
    const first = deployments[start];
    if (start > from || !first || !mayBegin(first)) continue;
    if (incidents.length === 0) return start;
    const starts = { latestBefore: latestStarts[index] ?? 0, earliestFrom: earliestStart };
    if (separatesIncidents(first, starts, incidents, staleSeconds)) return start;
  }
  return 0;
}

/** Number of places to try for the end of a judgement. */
const mostTries = 4;

/**
 * Index after the last deployment that must be judged again if the judgement begins at index `begin`; the number of
 * deployments if nothing earlier is certain. `unchangedFrom`: index of the first deployment after all changed ones.
 * The verdicts from the result on stay as they are, unless an episode of failure before it reaches it.
 */
export function endOfJudgement(
  timeline: Timeline,
  change: Change,
  begin: number,
  unchangedFrom: number,
): number {
  const { incidents, changedIncidents, deployments, moved, now } = change;
  const { judgedBy: before, validUntil, rules, recent, episodes } = timeline;
  const { staleSeconds } = rules.failures.incident;
  const all = deployments.length;
  if (unchangedFrom === all || before === null) return all;
  if (now >= validUntil || now < before.now) return all;
  const chunks = chunksOf(timeline);
  const latestMoved = moved.reduce((latest, one) => Math.max(latest, startOf(one)), 0);
  const latestStarts = latestStartsBefore(chunks);
  let tries = 0;
  let start = all - recent.length;
  for (const [index, chunk] of chunks.entries()) {
    const first = deployments[start];
    if (start > begin && start >= unchangedFrom && first && tries++ < mostTries) {
      const later = chunks.slice(index);
      const starts = {
        latestBefore: Math.max(latestMoved, latestStarts[index] ?? 0),
        earliestFrom: Math.min(...later.map((one) => summaryOf(one).earliestStart)),
      };
      const isEnd =
        !isInEpisode(episodes, first.at) &&
        changedIncidents.every((one) => one.start < first.at) &&
        separatesIncidents(first, starts, [...incidents, ...changedIncidents], staleSeconds) &&
        !repairsAny(later, [...deployments.slice(begin, start), ...moved]);
      if (isEnd) return start;
    }
    start += chunk.deployments.length;
  }
  return all;
}

function repairsAny(chunks: readonly Chunk[], deployments: readonly Deployment[]): boolean {
  const numbers = new Set(deployments.map(({ number }) => number));
  return chunks.some((chunk) => summaryOf(chunk).repairedNumbers.some((number) => numbers.has(number)));
}

/** Starts of the deployments on both sides of a place, in Unix seconds. */
interface Starts {
  readonly latestBefore: number;
  readonly earliestFrom: number;
}

/** Whether each incident belongs either to deployments before `first`, or to `first` and later ones. */
function separatesIncidents(
  first: Deployment,
  { latestBefore, earliestFrom }: Starts,
  incidents: readonly Incident[],
  staleSeconds: number,
): boolean {
  const reachesOver = (incident: Incident) =>
    incident.start < first.at &&
    (incident.start >= earliestFrom || openUntil(incident, staleSeconds) >= first.at);
  // If no earlier deployment started later, later incidents belong to this deployment or to one after it.
  return incidents.length === 0 || (startOf(first) > latestBefore && !incidents.some(reachesOver));
}

/** Unix seconds: the change cannot alter the verdict of a deployment that finished before. */
function reachOf(timeline: Timeline, change: Change): number {
  const { deployments, from, moved, repairedNumbers, incidents, changedIncidents, now } = change;
  const { judgedBy: before } = timeline;
  // If the clock was set back, anything may not have happened yet.
  if (before === null || now < before.now) return Number.NEGATIVE_INFINITY;
  let reach = timeOfRepaired(deployments, from, repairedNumbers);
  if (before.incidents.length + incidents.length === 0) return reach;
  const { withinSeconds } = timeline.rules.failures.incident;
  const starts = [...moved.map(startOf), ...changedIncidents.map(({ start }) => start)];
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

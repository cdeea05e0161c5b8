/** Finds the incidents of a series whose meaning may have changed since its last judgement. */

import { isStale } from '../failures/incidents.ts';
import { longestWaitSeconds } from '../failures/judge.ts';
import type { Incident } from '../incident.ts';

/** Input of a judgement. */
export interface JudgedBy {
  readonly incidents: readonly Incident[];
  /** Unix seconds. */
  readonly now: number;
}

/** Incidents that are new, gone, changed or not settled; of a changed one, both versions. */
export function changedIncidents(
  before: JudgedBy,
  after: JudgedBy,
  staleSeconds: number,
): readonly Incident[] {
  const judgedAt = Math.min(before.now, after.now);
  const isAsBefore = (one: Incident, next: Incident) =>
    isSame(one, next) && isSettled(next, judgedAt, staleSeconds);
  return differing(before.incidents, after.incidents, isAsBefore);
}

/** Incidents that are new, gone, or differ according to `isSameOne`; of the last, both versions. */
export function differing(
  before: readonly Incident[],
  after: readonly Incident[],
  isSameOne: (before: Incident, after: Incident) => boolean,
): readonly Incident[] {
  const known = new Map(before.map((incident) => [incident.id, incident]));
  const found: Incident[] = [];
  for (const incident of after) {
    const earlier = known.get(incident.id);
    known.delete(incident.id);
    if (earlier && isSameOne(earlier, incident)) continue;
    found.push(incident);
    if (earlier) found.push(earlier);
  }
  return [...found, ...known.values()];
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

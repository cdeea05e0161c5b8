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

/** Incidents that are new, removed, changed or not settled; the earlier version too, if there is one. */
export function changedIncidents(
  before: JudgedBy,
  after: JudgedBy,
  staleSeconds: number,
): readonly Incident[] {
  const judgedAt = Math.min(before.now, after.now);
  const known = new Map(before.incidents.map((incident) => [incident.id, incident]));
  const changed: Incident[] = [];
  for (const incident of after.incidents) {
    const earlier = known.get(incident.id);
    known.delete(incident.id);
    if (earlier && isSame(earlier, incident) && isSettled(incident, judgedAt, staleSeconds)) continue;
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

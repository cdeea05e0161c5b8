/** Incidents that may belong to deployments which are folded into a timeline's base, and are no longer in memory. */

import { startOf } from '../deployment.ts';
import { isStale } from '../failures/incidents.ts';
import type { Incident } from '../incident.ts';
import { differing } from './changed-incidents.ts';
import type { Timeline } from './timeline.ts';

/**
 * Whether such an incident is new, has changed, or is gone since the timeline was judged: the series must then be read from
 * the store.
 */
export function changesBase(timeline: Timeline, incidents: readonly Incident[]): boolean {
  const { judgedBy, rules, baseEnd } = timeline;
  const { withinSeconds, staleSeconds } = rules.failures.incident;
  if (baseEnd === 0 || withinSeconds === null) return false;
  const wasStale = (incident: Incident) => judgedBy !== null && isStale(incident, judgedBy.now, staleSeconds);
  // A deployment whose incident is open never enters the base, so a further receipt matters only to a stale alert.
  const isSameToBase = (before: Incident, after: Incident) =>
    before.start === after.start &&
    before.end === after.end &&
    (before.receivedAt === after.receivedAt || !wasStale(before));
  return differing(judgedBy?.incidents ?? [], incidents, isSameToBase).some(
    (one) => one.start - withinSeconds <= baseEnd && mayBelongToBase(timeline, one),
  );
}

/** Whether the incident may belong to a deployment in the timeline's base. */
export function mayBelongToBase({ recent: [first], baseEnd }: Timeline, { start }: Incident): boolean {
  return baseEnd > 0 && (first === undefined || start < startOf(first));
}

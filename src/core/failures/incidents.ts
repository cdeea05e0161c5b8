/**
 * Assigns each incident to a deployment: the last one of its repo and tier that had started when the incident started.
 * An incident that starts while another one is open belongs to the same deployment: DevLake maps each incident to one
 * deployment in the same way, and a deployment fails once, however many incidents it causes.
 */

import { compareText } from '../compare-text.ts';
import { countBefore } from '../count-before.ts';
import { startOf } from '../deployment.ts';
import type { Incident } from '../incident.ts';
import type { Candidate } from './candidate.ts';

export interface IncidentLimits {
  /**
   * Longest time from a deployment's finish to its incident's start, in seconds; `null`: the policy looks for none.
   */
  readonly withinSeconds: number | null;
  /** An alert is stale, and no longer counts as open, if its last receipt is longer ago than this, in seconds. */
  readonly staleSeconds: number;
}

/**
 * By index of the deployment, its incidents in order of their start. Incidents that start after `now` are left out.
 */
export function assignIncidents(
  deployments: readonly Candidate[],
  incidents: readonly Incident[],
  { withinSeconds, staleSeconds }: IncidentLimits,
  now: number,
): ReadonlyMap<number, readonly Incident[]> {
  const assigned = new Map<number, Incident[]>();
  if (withinSeconds === null || incidents.length === 0) return assigned;
  const findLastStarted = createStartSearch(deployments);
  const known = incidents
    .filter(({ start }) => start <= now)
    // Incidents that start in the same second are ordered by id, so that the order of arrival does not matter.
    .sort((a, b) => a.start - b.start || compareText(a.id, b.id));
  let open: { readonly incident: Incident; readonly index: number }[] = [];
  for (const incident of known) {
    const { start } = incident;
    open = open.filter(({ incident: { end } }) => end === null || start < end);
    const joined = open.find(({ incident: one }) => !isStale(one, start, staleSeconds));
    const index = joined?.index ?? findLastStarted(start, withinSeconds);
    if (index === null) continue;
    open.push({ incident, index });
    const others = assigned.get(index);
    if (others) others.push(incident);
    else assigned.set(index, [incident]);
  }
  return assigned;
}

/** The incident as it was known at a moment after its start: one that ended later was open. */
export function asOf<T extends Incident>(incident: T, moment: number): T {
  return incident.end !== null && incident.end > moment ? { ...incident, end: null } : incident;
}

/** Whether the alert is stale at `moment`: its last receipt is so long ago that it no longer counts as open. */
export function isStale({ receivedAt }: Incident, moment: number, staleSeconds: number): boolean {
  return receivedAt !== null && moment - receivedAt > staleSeconds;
}

/**
 * Finds the index of the last deployment that had started by a moment, if it finished at most `withinSeconds` before
 * that. "Last" goes by start, then number; a deployment without a start goes by its finish.
 */
function createStartSearch(
  deployments: readonly Candidate[],
): (moment: number, withinSeconds: number) => number | null {
  /** For each index, the earliest start from there on: a search for an earlier moment can stop. */
  const earliestFrom = new Float64Array(deployments.length + 1).fill(Number.POSITIVE_INFINITY);
  for (let index = deployments.length - 1; index >= 0; index--) {
    earliestFrom[index] = Math.min(earliestFrom[index + 1] ?? 0, startOf(deployments[index] as Candidate));
  }
  const searchFrom = (from: number, moment: number): number | null => {
    let last: number | null = null;
    for (let index = from; (earliestFrom[index] ?? 0) <= moment; index++) {
      const one = deployments[index] as Candidate;
      const other = last === null ? null : (deployments[last] as Candidate);
      const isLater =
        other === null ||
        startOf(one) > startOf(other) ||
        (startOf(one) === startOf(other) && one.number > other.number);
      if (startOf(one) <= moment && isLater) last = index;
    }
    return last;
  };
  return (moment, withinSeconds) => {
    const oldest = moment - withinSeconds;
    const recent = searchFrom(
      countBefore(deployments, ({ at }) => at >= oldest),
      moment,
    );
    if (recent === null) return null;
    // A deployment that finished before `oldest` also started before it, so `recent` is the last one.
    if (startOf(deployments[recent] as Candidate) >= oldest) return recent;
    // `recent` started before `oldest`: one that finished before may have started later.
    return searchFrom(0, moment) === recent ? recent : null;
  };
}

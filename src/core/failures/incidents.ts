/**
 * Which deployment an incident belongs to: the last one of its repo and tier that had started when the incident started.
 * An incident that starts while another one is open belongs to the same deployment: DevLake maps each incident to one
 * deployment in the same way, and a deployment fails once, however many incidents it causes.
 */

import type { Candidate } from './candidate.ts';

/** All times are Unix seconds. */
export interface Incident {
  readonly id: string;
  readonly start: number;
  /** `null`: open. */
  readonly end: number | null;
  /** When its alert was last received; `null`: a report, which is never stale. */
  readonly receivedAt: number | null;
}

export interface IncidentLimits {
  /** Longest time from a deployment's finish to the start of its incident, in seconds; `null`: none is looked for. */
  readonly withinSeconds: number | null;
  /** An alert that was not received for longer than this no longer counts as open, in seconds. */
  readonly staleSeconds: number;
}

/** By index of the deployment, its incidents in order of their start. Incidents that start after `now` are left out. */
export function assignIncidents(
  deployments: readonly Candidate[],
  incidents: readonly Incident[],
  { withinSeconds, staleSeconds }: IncidentLimits,
  now: number,
): ReadonlyMap<number, readonly Incident[]> {
  const assigned = new Map<number, Incident[]>();
  if (withinSeconds === null || incidents.length === 0) return assigned;
  const byStart = deployments
    .map((one, index) => ({ index, startedAt: one.startedAt ?? one.at, number: one.number }))
    .sort((a, b) => a.startedAt - b.startedAt || a.number - b.number);
  const known = incidents.filter(({ start }) => start <= now).sort((a, b) => a.start - b.start);
  let started = 0;
  let open: { readonly incident: Incident; readonly index: number }[] = [];
  for (const incident of known) {
    while ((byStart[started]?.startedAt ?? Number.POSITIVE_INFINITY) <= incident.start) started++;
    open = open.filter(({ incident: { end } }) => end === null || incident.start < end);
    const joined = open.find(({ incident: one }) => !isStale(one, incident.start, staleSeconds));
    const last = byStart[started - 1];
    const isRecent = last && incident.start - (deployments[last.index]?.at ?? 0) <= withinSeconds;
    const index = joined?.index ?? (isRecent ? last.index : null);
    if (index === null) continue;
    open.push({ incident, index });
    const others = assigned.get(index);
    if (others) others.push(incident);
    else assigned.set(index, [incident]);
  }
  return assigned;
}

/** Whether the alert was not repeated for so long that it no longer counts as open. */
export function isStale({ receivedAt }: Incident, moment: number, staleSeconds: number): boolean {
  return receivedAt !== null && moment - receivedAt > staleSeconds;
}

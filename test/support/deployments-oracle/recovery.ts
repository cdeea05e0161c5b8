/** Section 2, "Recovery": from failed deployments to intervals, and from intervals to episodes. */
import { isStale } from './causes.ts';
import type { Cause, Deployment, Incident, Policy } from './types.ts';

/** The end of a failed deployment, and its reason. */
export interface End {
  /** null: open. */
  at: number | null;
  by: 'mark' | 'incident' | 'deployment' | null;
  /** The deployment whose finish it is. */
  repair: Deployment | null;
}

export interface Failed {
  deployment: Deployment;
  causes: Set<Cause>;
  incidents: Incident[];
  /** The rollbacks and fixes that showed it. */
  revealedBy: Deployment[];
}

export interface Episode {
  start: number;
  /** null: open. */
  end: number | null;
}

/** The end as known at t. null: there is neither an end nor an open failure, since all incidents are stale alerts. */
export function endOfFailure(
  failed: Failed,
  deployments: Deployment[],
  policy: Policy,
  t: number,
): End | null {
  const { deployment, causes, incidents, revealedBy } = failed;
  const open: End = { at: null, by: null, repair: null };
  const end = (at: number, by: End['by'], repair: Deployment | null): End =>
    at > t ? open : { at: Math.max(at, deployment.finish), by, repair };

  const recovered = deployment.mark?.recovered;
  if (recovered !== undefined) return end(recovered, 'mark', null);

  const isOpen = (incident: Incident) => incident.end === null || incident.end > t;
  if (incidents.some((incident) => isOpen(incident) && !isStale(incident, t, policy))) return open;
  const ends = incidents.filter((incident) => !isOpen(incident)).map((incident) => incident.end ?? 0);
  if (ends.length > 0) return end(Math.max(...ends), 'incident', null);

  const repairs = [...revealedBy];
  if (causes.has('pipeline') || causes.has('operator')) {
    const later = deployments.slice(deployments.indexOf(deployment) + 1);
    const success = later.find((one) => one.outcome === 'success');
    if (success === undefined) return open;
    repairs.push(success);
  }
  const latest = repairs.sort((a, b) => deployments.indexOf(a) - deployments.indexOf(b)).at(-1);
  return latest ? end(latest.finish, 'deployment', latest) : null;
}

/** Intervals that overlap or touch are one episode. */
export function episodesOf(intervals: Episode[]): Episode[] {
  const episodes: Episode[] = [];
  for (const { start, end } of intervals.toSorted((a, b) => a.start - b.start)) {
    const current = episodes.at(-1);
    if (current && (current.end === null || start <= current.end)) {
      current.end = current.end === null || end === null ? null : Math.max(current.end, end);
    } else {
      episodes.push({ start, end });
    }
  }
  return episodes;
}

/**
 * Finds the end of each failure, and joins failures into episodes.
 *
 * A mark's own time decides first, then the end of the incidents, then the latest repair: a rollback, a fix, or the
 * next successful deployment.
 */

import type { Incident } from '../incident.ts';
import type { Episode, Failure } from '../verdict.ts';
import type { Candidate } from './candidate.ts';
import { isStale } from './incidents.ts';

export interface Repairs {
  readonly incidents: readonly Incident[];
  readonly staleSeconds: number;
  /** Indexes of the rollbacks and fixes that showed the failure. */
  readonly repairedBy: readonly number[];
  /** Index of the next success; `null`: none yet; `undefined`: a success does not end this failure. */
  readonly nextSuccess: number | null | undefined;
  readonly now: number;
}

const open: Failure = { end: null, endedBy: null, repairedBy: null };

/** The failure of `failed`; `null` if stale alerts alone show it: it then has no known end, and is no interval. */
export function endOf(
  failed: Candidate,
  deployments: readonly Candidate[],
  { incidents, staleSeconds, repairedBy, nextSuccess, now }: Repairs,
): Failure | null {
  const endAt = (end: number, endedBy: Failure['endedBy'], by: number | null): Failure =>
    end > now ? open : { end: Math.max(end, failed.at), endedBy, repairedBy: by };

  if (failed.mark?.kind === 'failed' && failed.mark.recoveredAt !== null) {
    return endAt(failed.mark.recoveredAt, 'mark', null);
  }
  const isOpen = ({ end }: Incident) => end === null || end > now;
  if (incidents.some((one) => isOpen(one) && !isStale(one, now, staleSeconds))) return open;
  const ends = incidents.flatMap((one) => (one.end === null || isOpen(one) ? [] : [one.end]));
  if (ends.length > 0) return endAt(Math.max(...ends), 'incident', null);

  if (nextSuccess === null) return open;
  const latest = Math.max(...repairedBy, nextSuccess ?? -1);
  const last = deployments[latest];
  return last ? endAt(last.at, 'deployment', last.number) : null;
}

/** Joins failures that overlap or touch. `failures` are in order of their start. */
export function episodesOf(failures: readonly Episode[]): Episode[] {
  const episodes: Episode[] = [];
  for (const { start, end } of failures) {
    const current = episodes.at(-1);
    if (current && (current.end === null || start <= current.end)) {
      const isLater = current.end !== null && (end === null || end > current.end);
      if (isLater) episodes[episodes.length - 1] = { start: current.start, end };
    } else {
      episodes.push({ start, end });
    }
  }
  return episodes;
}

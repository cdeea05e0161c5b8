/**
 * Logs refused requests: the first of a kind at once, later ones together, at most once a minute. The log contains their
 * number and status, never their content.
 */

import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';

export interface Refusals {
  note(what: RefusedKind, status: number): void;
}

export type RefusedKind = keyof typeof advice;

const advice = {
  webhook: 'Webhooks were refused: 401 means a wrong secret; for other statuses read the answer',
  incident: 'Incidents were refused: 401 means a wrong secret; for other statuses read the answer',
  admin: 'Requests of operators were refused: they need the admin token',
  reader: 'Requests for figures were refused: they need the metrics token',
} as const;

const quietMs = 60_000;

export function createRefusals(log: Log, clock: Clock): Refusals {
  /** Refusals that are not logged yet, by status. */
  const pending = new Map<RefusedKind, { loggedAt: number; readonly counts: Map<number, number> }>();
  return {
    note(what, status) {
      const entry = pending.get(what) ?? { loggedAt: Number.NEGATIVE_INFINITY, counts: new Map() };
      pending.set(what, entry);
      entry.counts.set(status, (entry.counts.get(status) ?? 0) + 1);
      if (clock.now() - entry.loggedAt < quietMs) return;
      const counts = [...entry.counts].sort(([a], [b]) => a - b);
      log.warn(advice[what], { refused: counts.map(([code, count]) => `${count} with ${code}`).join(', ') });
      entry.loggedAt = clock.now();
      entry.counts.clear();
    },
  };
}

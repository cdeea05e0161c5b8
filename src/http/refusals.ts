/**
 * Tells of requests that were refused, without flooding the log: the first of a kind at once, those after it together,
 * once a minute at most. Says how many and with which status, never what was in them.
 */

import type { Clock } from '../util/clock.ts';
import type { Log } from '../util/log.ts';

export interface Refusals {
  note(what: RefusedKind, status: number): void;
}

export type RefusedKind = keyof typeof advice;

const advice = {
  webhook: 'Webhooks were refused: 401 is a wrong secret, others say in their answer what is wrong',
  incident: 'Incidents were refused: 401 is a wrong secret, others say in their answer what is wrong',
  admin: 'Requests of operators were refused: they need the admin token',
  reader: 'Requests for figures were refused: they need the metrics token',
} as const;

const quietMs = 60_000;

export function createRefusals(log: Log, clock: Clock): Refusals {
  const untold = new Map<RefusedKind, { toldAt: number; readonly counts: Map<number, number> }>();
  return {
    note(what, status) {
      const entry = untold.get(what) ?? { toldAt: Number.NEGATIVE_INFINITY, counts: new Map() };
      untold.set(what, entry);
      entry.counts.set(status, (entry.counts.get(status) ?? 0) + 1);
      if (clock.now() - entry.toldAt < quietMs) return;
      const counts = [...entry.counts].sort(([a], [b]) => a - b);
      log.warn(advice[what], { refused: counts.map(([code, count]) => `${count} with ${code}`).join(', ') });
      entry.toldAt = clock.now();
      entry.counts.clear();
    },
  };
}

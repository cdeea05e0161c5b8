/**
 * Converts the times of a pipeline from Woodpecker's clock to ours, by the difference at the first sight of its end.
 * The difference at a later observation changes nothing, so that a pipeline never has two times.
 */

import { isInFuture, startOf2015 } from './clock-skew.ts';
import { shiftWorkflows, type Workflow } from './workflow.ts';

/** The fields of a record that depend on clocks. Times are Unix seconds. */
export interface Timed {
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly hasOneClock: boolean;
  readonly clockAhead: number;
  readonly endSeenAt: number | null;
  readonly workflows: readonly Workflow[];
}

/**
 * The record by our clock, as the store keeps it. `clockAhead`: measured lead of Woodpecker's clock over ours, in
 * seconds. If the end still lies in our future, the lead is greater than measured: the end then becomes `endSeenAt`.
 */
export function byOurClock<T extends Timed>(record: T, clockAhead: number): T {
  const { finishedAt, endSeenAt } = record;
  // If our clock was never set, it is wrong, and the other one is right.
  if (finishedAt === null || endSeenAt === null || endSeenAt < startOf2015)
    return withClock(record, clockAhead);
  const isAhead = isInFuture(finishedAt - clockAhead, endSeenAt);
  return withClock(record, isAhead ? finishedAt - endSeenAt : clockAhead);
}

/** The record with `clockAhead` as its difference; 0: in Woodpecker's own time. */
export function withClock<T extends Timed>(record: T, clockAhead: number): T {
  const seconds = record.clockAhead - clockAhead;
  if (seconds === 0) return record;
  const shift = (at: number | null) => (at === null ? null : at + seconds);
  return {
    ...record,
    createdAt: shift(record.createdAt),
    startedAt: shift(record.startedAt),
    finishedAt: shift(record.finishedAt),
    clockAhead,
    workflows: shiftWorkflows(record.workflows, seconds),
  };
}

type EndClock = Pick<Timed, 'clockAhead' | 'endSeenAt'>;

/** Positive if `b` saw the end first. 0 only if both fields are equal. */
export function compareEndClocks(a: EndClock, b: EndClock): number {
  const seenAt = ({ endSeenAt }: EndClock) => endSeenAt ?? Number.MAX_SAFE_INTEGER;
  return seenAt(a) - seenAt(b) || a.clockAhead - b.clockAhead;
}

/**
 * Seconds that a pipeline, or a part of it, ran; `null` if a time is unknown or before 2015, if the times are from two
 * clocks, or if the result is negative or above 30 days.
 */
export function durationOf({
  startedAt,
  finishedAt,
  hasOneClock,
}: Pick<Timed, 'startedAt' | 'finishedAt' | 'hasOneClock'>): number | null {
  if (!hasOneClock || startedAt === null || finishedAt === null || startedAt < startOf2015) return null;
  const seconds = finishedAt - startedAt;
  return seconds >= 0 && seconds <= longestRunSeconds ? seconds : null;
}

const longestRunSeconds = 30 * 86_400;

/**
 * From Woodpecker's clock to ours: the times of a pipeline, less the difference that was measured when its end was first
 * seen. The difference of a later observation moves nothing any more, so that a pipeline never has two times.
 */

import { isInFuture, startOf2015 } from './clock-skew.ts';
import { shiftWorkflows, type Workflow } from './workflow.ts';

/** The part of a pipeline's record that clocks decide. Times are Unix seconds. */
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
 * The record as it is stored. `clockAhead`: by how many seconds Woodpecker's clock was measured to be ahead of ours. If
 * its end lies in our future even so, the clock is further ahead, and the end was when it was seen.
 */
export function byOurClock<T extends Timed>(record: T, clockAhead: number): T {
  const { finishedAt, endSeenAt } = record;
  // If our clock was never set, it is the one that is wrong.
  if (finishedAt === null || endSeenAt === null || endSeenAt < startOf2015)
    return withClock(record, clockAhead);
  const isAhead = isInFuture(finishedAt - clockAhead, endSeenAt);
  return withClock(record, isAhead ? finishedAt - endSeenAt : clockAhead);
}

/** The same record under another difference: 0 gives it in Woodpecker's own time. */
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

/** Positive if `b` saw the end first. Total over what decides. */
export function compareEndClocks(a: EndClock, b: EndClock): number {
  const seenAt = ({ endSeenAt }: EndClock) => endSeenAt ?? Number.MAX_SAFE_INTEGER;
  return seenAt(a) - seenAt(b) || a.clockAhead - b.clockAhead;
}

/** How long a pipeline, or a part of it, ran; null if it cannot be told, or if no pipeline runs that long. */
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

/** One transaction's changes to follows. Later steps see earlier ones; the state is only read. */

import { awaitsAgent, isCutShort } from '../core/cancellation.ts';
import { isWatched } from '../core/classification.ts';
import { isEnded, isPullRequest, type PipelineRecord } from '../core/pipeline.ts';
import type { Policy } from '../core/policy.ts';
import { createdAtOfEnded, endFollowed, type Follow, followKey } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';

/** An observation of a pipeline. */
export interface Sight {
  readonly observed: PipelineRecord;
  /** The stored record before it; `null`: none. */
  readonly known: PipelineRecord | null;
  /** Both merged. */
  readonly record: PipelineRecord;
}

type Poll = Pick<Follow, 'createdAt' | 'polledAt' | 'hintedAt'>;

export interface FollowChanges {
  get(target: Follow['target'], number: number): Follow | null;
  put(follow: Follow): Promise<void>;
  drop(follow: Follow): Promise<void>;
  /**
   * Follows a pipeline to its end, and beyond if it was cut short. Drops the follow of a pipeline that can never count.
   */
  keepUp(repo: Repo, sight: Sight): Promise<void>;
  /** All follows, with the changes of this transaction. */
  all(): Iterable<Follow>;
  /** Number of follows, with the changes of this transaction. */
  readonly count: number;
  /** By `followKey`; `null`: dropped. */
  changed(): ReadonlyMap<string, Follow | null>;
}

const reportedAfterSeconds = 3600;
const settledAfterSeconds = 30;

/** `now` in Unix seconds. */
export function createFollowChanges(
  tx: Transaction,
  state: State,
  policy: Policy,
  now: number,
): FollowChanges {
  const changed = new Map<string, Follow | null>();
  let count = state.follows.size;
  const follows: FollowChanges = {
    get(target, number) {
      const key = followKey({ target, number });
      return (changed.has(key) ? changed.get(key) : state.follows.get(key)) ?? null;
    },
    async put(follow) {
      if (!follows.get(follow.target, follow.number)) count++;
      changed.set(followKey(follow), follow);
      await tx.follows.put(follow);
    },
    async drop(follow) {
      if (follows.get(follow.target, follow.number)) count--;
      changed.set(followKey(follow), null);
      await tx.follows.drop(follow);
    },
    async keepUp(repo, sight) {
      const { woodpeckerId: target } = repo;
      if (target === null) return;
      const { number, event, fromFork } = sight.record;
      const before = follows.get(target, number);
      const mayCount = isWatched(policy, repo.fullName) && !isPullRequest(event) && !fromFork;
      const next = mayCount ? nextPoll(sight, before, now) : null;
      if (next) {
        if (next !== before) await follows.put({ target, number, ...next });
        return;
      }
      for (const known of [target, repo.fullName]) {
        const follow = follows.get(known, number);
        if (follow) await follows.drop(follow);
      }
    },
    *all() {
      for (const [key, follow] of state.follows) if (!changed.has(key)) yield follow;
      for (const follow of changed.values()) if (follow) yield follow;
    },
    get count() {
      return count;
    },
    changed: () => changed,
  };
  return follows;
}

/** The next poll of an observed pipeline; `null`: none is needed. `before`: its follow so far. */
function nextPoll(sight: Sight, before: Follow | null, now: number): Poll | null {
  const { record } = sight;
  if (!isEnded(record.status)) {
    // A server's clock may be ahead.
    const isPast = record.createdAt !== null && record.createdAt <= now;
    const createdAt = isPast ? record.createdAt : Math.min(before?.createdAt ?? now, now);
    // Keep the hint: the observation may be older.
    return { createdAt, polledAt: now, hintedAt: before?.hintedAt ?? null };
  }
  if (!isCutShort(record)) return null;
  return awaitsAgent(record) ? untilReported(sight, before, now) : onceSettled(sight, before, now);
}

/**
 * Polls until the agent of a run that was cut short has reported: it may change the outcome and the time of the end.
 */
function untilReported({ record, known }: Sight, before: Follow | null, now: number): Poll | null {
  const seenAt = before && known && isCutShort(known) ? endFollowed(before) : now;
  const endedAt = Math.min(record.updatedAt - record.clockAhead, seenAt);
  if (now - endedAt >= reportedAfterSeconds) return null;
  return { createdAt: createdAtOfEnded(endedAt, now), polledAt: now, hintedAt: before?.hintedAt ?? null };
}

/** Polls once after the states of the steps have settled: they change within seconds, without a new `updated`. */
function onceSettled({ record, observed, known }: Sight, before: Follow | null, now: number): Poll | null {
  const isKnown =
    known !== null && isCutShort(known) && !awaitsAgent(known) && known.updatedAt === record.updatedAt;
  if (isKnown) {
    const isRead = observed.fromRest && observed.hasWorkflows && before !== null && now >= before.createdAt;
    return isRead ? null : before;
  }
  const endedAt = Math.min(record.updatedAt - record.clockAhead, now);
  const readAt = endedAt + settledAfterSeconds;
  return now < readAt ? { createdAt: readAt, polledAt: null, hintedAt: null } : null;
}

/** What one transaction does to follows: later steps see earlier ones, and the state is only read. */

import { isCutShort } from '../core/cancellation.ts';
import { isWatched } from '../core/classification.ts';
import { isEnded, isPullRequest, type PipelineRecord } from '../core/pipeline.ts';
import type { Policy } from '../core/policy.ts';
import { bornAtOfEnded, endFollowed, type Follow, followKey } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/series/state.ts';
import type { Transaction } from '../store/store.ts';

export interface FollowChanges {
  get(target: Follow['target'], number: number): Follow | null;
  put(follow: Follow): Promise<void>;
  drop(follow: Follow): Promise<void>;
  /** Follows a pipeline to its end; one that no policy can count is not worth asking for. */
  keepUp(repo: Repo, record: PipelineRecord): Promise<void>;
  /** How many there are now. */
  readonly count: number;
  /** By `followKey`; `null` for one that was dropped. */
  changed(): ReadonlyMap<string, Follow | null>;
}

/**
 * How long the end of a run that was cut short is asked for again. The agent reports last, and may make it a failure, a
 * success, or end it at another time; the states of its steps change within seconds, without a new `updated`.
 */
const settledAfterSeconds = 3600;

/** `now` in Unix seconds. */
export function createFollowChanges(
  tx: Transaction,
  state: State,
  policy: Policy,
  now: number,
): FollowChanges {
  const changed = new Map<string, Follow | null>();
  let count = state.follows.size;
  /** In Unix seconds, and no later than it was first seen: a server's clock may be ahead. */
  const endOfCutShort = async (
    repo: Repo,
    record: PipelineRecord,
    follow: Follow | null,
  ): Promise<number> => {
    const known = follow && (await tx.pipelines.get(repo.key, record.number));
    const seenAt = follow && known && isCutShort(known.record) ? endFollowed(follow) : now;
    return Math.min(record.updatedAt - record.clockAhead, seenAt);
  };
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
    async keepUp(repo, record) {
      if (repo.woodpeckerId === null) return;
      const before = follows.get(repo.woodpeckerId, record.number);
      const cutShortAt = isCutShort(record) ? await endOfCutShort(repo, record, before) : null;
      const isSettling = cutShortAt !== null && now - cutShortAt < settledAfterSeconds;
      const isOver = isEnded(record.status) && !isSettling;
      if (isOver || !isWatched(policy, repo.fullName) || isPullRequest(record.event) || record.fromFork) {
        for (const target of [repo.woodpeckerId, repo.fullName]) {
          const follow = follows.get(target, record.number);
          if (follow) await follows.drop(follow);
        }
        return;
      }
      // A server's clock may be ahead.
      const createdAt = record.createdAt !== null && record.createdAt <= now ? record.createdAt : null;
      await follows.put({
        target: repo.woodpeckerId,
        number: record.number,
        bornAt: isSettling
          ? bornAtOfEnded(cutShortAt, now)
          : (createdAt ?? Math.min(before?.bornAt ?? now, now)),
        askedAt: now,
        // What was observed may be from before the hint.
        hintedAt: before?.hintedAt ?? null,
      });
    },
    get count() {
      return count;
    },
    changed: () => changed,
  };
  return follows;
}

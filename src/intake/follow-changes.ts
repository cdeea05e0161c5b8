/** What one transaction does to follows: later steps see earlier ones, and the state is only read. */

import { isPullRequest, isWatched } from '../core/classification.ts';
import { type Follow, followKey } from '../core/follow.ts';
import { isEnded, type PipelineRecord } from '../core/pipeline.ts';
import type { Policy } from '../core/policy.ts';
import type { Repo } from '../core/repo.ts';
import type { State } from '../core/state.ts';
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

/** How long the end of a killed run is asked for again. */
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
      // The agent's last word on a killed run comes later, and may make it a failure, a success, or end it at another time.
      const sinceEnd = now - record.updatedAt;
      const isSettling = record.status === 'killed' && sinceEnd < settledAfterSeconds;
      const isOver = isEnded(record.status) && !isSettling;
      if (isOver || !isWatched(policy, repo.fullName) || isPullRequest(record.event) || record.fromFork) {
        for (const target of [repo.woodpeckerId, repo.fullName]) {
          const follow = follows.get(target, record.number);
          if (follow) await follows.drop(follow);
        }
        return;
      }
      const before = follows.get(repo.woodpeckerId, record.number);
      await follows.put({
        target: repo.woodpeckerId,
        number: record.number,
        // A killed one is asked for whenever its end is twice as long ago.
        bornAt: isSettling ? now - 10 * Math.max(sinceEnd, 1) : (record.createdAt ?? now),
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

/** Stores the answers to polls. A follow is a pipeline to poll. */

import type { PipelineRecord } from '../../core/pipeline.ts';
import type { Follow } from '../../core/poll-schedule.ts';
import type { Observed } from '../pipeline-changes.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface PollAnswer {
  /** The state's follow at the poll. A hint since then has put another in its place. */
  readonly follow: Follow;
  /** Woodpecker's id of the repo. */
  readonly repoId: number;
  readonly record: PipelineRecord;
}

export interface FailedPoll {
  /** As in `PollAnswer`. */
  readonly follow: Follow;
  /** Unix seconds. */
  readonly at: number;
}

export async function storePollAnswer(
  uow: UnitOfWork,
  { follow, repoId, record }: PollAnswer,
): Promise<Observed> {
  const repo = uow.repos.withId(repoId);
  const kept = afterPoll(uow, follow);
  await uow.follows.drop(follow);
  // The target may have been a name. `observe` needs the follow by the repo's id, and drops it if it is no longer needed.
  if (kept && !uow.follows.get(repoId, follow.number)) await uow.follows.put({ ...kept, target: repoId });
  return uow.pipelines.observe(repo.key, record, 'live');
}

/** Notes a poll that failed, so that the next one is as late as after an answer. */
export async function storeFailedPoll(uow: UnitOfWork, { follow, at }: FailedPoll): Promise<void> {
  const kept = afterPoll(uow, follow);
  if (kept) await uow.follows.put({ ...kept, polledAt: at });
}

export async function dropFollow(uow: UnitOfWork, { follow }: { readonly follow: Follow }): Promise<void> {
  await uow.follows.drop(follow);
}

/** The follow after a poll: without its hint, unless there is a newer one. `null`: it no longer exists. */
function afterPoll(uow: UnitOfWork, follow: Follow): Follow | null {
  const current = uow.follows.get(follow.target, follow.number);
  return current === follow ? { ...current, hintedAt: null } : current;
}

/** Stores the hint that a pipeline exists: it is polled at once. */

import { isWatched } from '../../core/classification.ts';
import { isEnded } from '../../core/pipeline.ts';
import { nameKey, type Repo, type RepoFacts } from '../../core/repo.ts';
import { noLimits } from '../ingest-options.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface Hint {
  readonly repo: RepoFacts;
  /** The pipeline's number. */
  readonly number: number;
  /** Unix seconds. */
  readonly receivedAt: number;
}

/** `duplicate`: the pipeline has ended. `repo`: the policy does not watch the repo. `limit`: there are too many hints. */
export type HintResult = 'following' | 'duplicate' | 'repo' | 'limit';

export async function storeHint(
  uow: UnitOfWork,
  { repo: facts, number, receivedAt }: Hint,
): Promise<HintResult> {
  const repo = hintedRepo(uow, facts);
  if (!isWatched(uow.mode.policy, repo?.fullName ?? facts.fullName)) return 'repo';
  const known = repo && (await uow.tx.pipelines.get(repo.key, number));
  if (known && isEnded(known.record.status)) return 'duplicate';
  const target = repo?.woodpeckerId ?? facts.woodpeckerId ?? facts.fullName;
  const follow = uow.follows.get(target, number);
  const { hints } = uow.mode.limits ?? noLimits;
  if (!follow && !uow.room.admits('hint', uow.follows.count, hints)) return 'limit';
  const createdAt = known?.record.createdAt ?? receivedAt;
  await uow.follows.put({
    ...(follow ?? { target, number, createdAt, polledAt: null }),
    hintedAt: receivedAt,
  });
  return 'following';
}

/** The id in a body may be another server's: if id and name mean two known repos, the name counts. */
function hintedRepo(uow: UnitOfWork, facts: RepoFacts): Repo | null {
  const byId = facts.woodpeckerId === null ? null : uow.repos.byId(facts.woodpeckerId);
  if (byId && nameKey(byId.fullName) === nameKey(facts.fullName)) return byId;
  return uow.repos.named(facts.fullName)[0] ?? byId;
}

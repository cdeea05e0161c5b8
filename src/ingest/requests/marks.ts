/** Stores operators' marks on deployments. */

import type { StoredMark } from '../../core/failures/operator-mark.ts';
import type { Repo } from '../../core/repo.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface MarkedPlace {
  /** The repo's name. */
  readonly repo: string;
  /** The pipeline's number. */
  readonly number: number;
  readonly tier: string;
}

/** Replaces the mark of the deployment. */
export type NewMark = MarkedPlace & Pick<StoredMark, 'mark' | 'reason' | 'markedAt'>;

export type MarkResult = StoredMark | 'no_pipeline' | 'limit';

export async function storeMark(
  uow: UnitOfWork,
  { repo: name, number, tier, mark, reason, markedAt }: NewMark,
): Promise<MarkResult> {
  const repo = await repoOfPipeline(uow, name, number);
  if (!repo) return 'no_pipeline';
  const stored: StoredMark = { repo: repo.key, number, tier, mark, reason, markedAt };
  if (!(await uow.marks.put(stored))) return 'limit';
  await uow.pipelines.markAgain(stored);
  return stored;
}

/** `false`: there is no such pipeline. */
export async function dropMark(uow: UnitOfWork, { repo: name, number, tier }: MarkedPlace): Promise<boolean> {
  const repo = await repoOfPipeline(uow, name, number);
  if (!repo) return false;
  const place = { repo: repo.key, number, tier };
  await uow.marks.drop(place);
  await uow.pipelines.markAgain(place);
  return true;
}

/** The repo of this name that contains the pipeline; of several, the one named last. `null`: there is none. */
async function repoOfPipeline(uow: UnitOfWork, name: string, number: number): Promise<Repo | null> {
  for (const repo of uow.repos.named(name)) {
    if (await uow.tx.pipelines.get(repo.key, number)) return repo;
  }
  return null;
}

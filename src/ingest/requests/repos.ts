/** Stores what Woodpecker says about repos. */

import type { Repo, RepoFacts } from '../../core/repo.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface LearntRepo {
  /** `null`: the repo is new. */
  readonly before: Repo | null;
  /** Identical to `before` if nothing has changed. */
  readonly after: Repo;
}

/** Returns the stored repos; new ones beyond the limit are left out. */
export async function storeRepos(
  uow: UnitOfWork,
  { repos }: { readonly repos: readonly RepoFacts[] },
): Promise<readonly LearntRepo[]> {
  const learnt: LearntRepo[] = [];
  for (const facts of repos) {
    if (!(await uow.identity.admits(facts))) continue;
    const before = facts.woodpeckerId === null ? null : uow.repos.byId(facts.woodpeckerId);
    learnt.push({ before, after: await uow.identity.repoOf(facts) });
  }
  return learnt;
}

export interface GoneRepo {
  /** Woodpecker's id of the repo. */
  readonly repoId: number;
  /** Unix seconds. */
  readonly since: number;
}

/** Ends the series of a repo. For a repo that is gone, `namedAt` is the start of its absence. */
export async function endRepo(uow: UnitOfWork, { repoId, since }: GoneRepo): Promise<void> {
  uow.repos.put({ ...uow.repos.withId(repoId), isGone: true, namedAt: since });
}

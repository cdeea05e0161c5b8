/** Stores the forge's answers about deployments, and folds them into the series. */

import type { Change } from '../../core/commit-range.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface ForgeAnswer {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  readonly number: number;
  readonly change: Change;
  /** The commit to which the forge has resolved the head; `null`: unknown. */
  readonly commit: string | null;
  /** Whether the deployment is older than those in memory: the answer then counts only after `foldOlder`. */
  readonly isOlder: boolean;
}

export async function storeCommits(
  uow: UnitOfWork,
  { answers }: { readonly answers: readonly ForgeAnswer[] },
): Promise<void> {
  for (const answer of answers) await (answer.isOlder ? store(uow, answer) : storeAndFold(uow, answer));
}

async function storeAndFold(uow: UnitOfWork, answer: ForgeAnswer): Promise<void> {
  const { tx, series, firsts } = uow;
  const { repo, number } = answer;
  const before = await tx.pipelines.get(repo, number);
  if (!before) return;
  await store(uow, answer);
  const after = await tx.pipelines.get(repo, number);
  if (after) series.replace(repo, before, after, await firsts.of(repo, after.commit));
}

async function store({ tx, pairs, series }: UnitOfWork, answer: ForgeAnswer): Promise<void> {
  const { repo, tier, number, change, commit } = answer;
  await tx.pipelines.putChange({ repo, number, tier }, change);
  if (commit === null || commit === change.head) return;
  await tx.pipelines.putCommitId(repo, change.head, commit);
  // Any deployment of the repo may have had that id, or followed one that had it.
  for (const one of pairs.tiersOf(repo)) series.rebuild(repo, one);
}

/** Folds a series again, with the stored answers about its older deployments. */
export async function foldOlder(
  uow: UnitOfWork,
  { repo, tier }: Pick<ForgeAnswer, 'repo' | 'tier'>,
): Promise<void> {
  uow.series.rebuild(repo, tier);
}

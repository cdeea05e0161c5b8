/** Which entries of the ledger a pipeline may add to, as bits of those that it has added to or can never add to. */

import type { Classification } from './classification.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Repo } from './repo.ts';
import { waived } from './series/ledger.ts';
import type { StoredPipeline } from './stored-pipeline.ts';

/** When it is first known: all, or none where it is older than the horizon. */
export function creditAtFirst({ horizon }: Pick<Repo, 'horizon'>, { createdAt }: PipelineRecord): number {
  return horizon === null || createdAt === null || createdAt > horizon ? 0 : waived;
}

/** One that has added to one tier's ledger adds to no other's. */
export function creditAfterMove(before: StoredPipeline, after: Classification): number {
  const tierBefore = before.classification.tier;
  const hasMoved = tierBefore !== null && tierBefore !== after.tier;
  return before.credited !== 0 && hasMoved ? waived : before.credited;
}

/**
 * Under another policy, what already counts for a pair that existed adds nothing to it. A new pair is counted in full,
 * but for `lateBits`: those of entries that are only known bit by bit later, which would look like news.
 */
export function creditWhenSettled(
  repo: Pick<Repo, 'horizon'>,
  before: StoredPipeline,
  after: Classification,
  existing: ReadonlySet<string>,
  lateBits: number,
): number {
  const isCountedNow = after.kind === 'deployment' && !before.isHeld;
  const isSamePair = before.classification.tier === after.tier && before.credited !== 0;
  if (!isCountedNow || isSamePair) return creditAfterMove(before, after);
  return existing.has(after.tier) ? waived : creditAtFirst(repo, before.record) | lateBits;
}

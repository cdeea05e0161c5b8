/**
 * Decides to which entries of a tier's ledger a pipeline may add. A bit is set for each entry that it has added to, or
 * must never add to.
 */

import type { Classification } from './classification.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Repo } from './repo.ts';
import { neverCount } from './series/ledger.ts';
import type { StoredPipeline } from './stored-pipeline.ts';

type Credited = StoredPipeline['credited'];

/**
 * The bits of a pipeline that was unknown before: it may add to all entries, or to none if it is older than the
 * horizon.
 */
export function creditAtFirst({ horizon }: Pick<Repo, 'horizon'>, { createdAt }: PipelineRecord): number {
  return horizon === null || createdAt === null || createdAt > horizon ? 0 : neverCount;
}

/** `creditAtFirst` for each tier of the pipeline. */
export function creditsAtFirst(
  repo: Pick<Repo, 'horizon'>,
  record: PipelineRecord,
  { tiers }: Classification,
): Credited {
  return new Map(tiers.map(({ tier }) => [tier, creditAtFirst(repo, record)]));
}

/**
 * Keeps all bits. A pipeline that leaves a tier after adding to its ledger adds to the ledger of no new tier, nor of a
 * tier to which it returns.
 */
export function creditsAfterMove(
  repo: Pick<Repo, 'horizon'>,
  { credited }: Pick<StoredPipeline, 'credited'>,
  record: PipelineRecord,
  after: Classification,
): Credited {
  const staysIn = new Set(after.tiers.map(({ tier }) => tier));
  const hasLeft = [...credited].some(([tier, bits]) => bits !== 0 && !staysIn.has(tier));
  const newBits = hasLeft ? neverCount : creditAtFirst(repo, record);
  // A tier that it left without adding is new when it returns.
  const kept = [...credited].filter(([tier, bits]) => bits !== 0 || staysIn.has(tier));
  return new Map([...after.tiers.map(({ tier }) => [tier, newBits] as const), ...kept]);
}

/**
 * After a change of policy, stored deployments add nothing to pairs that existed before (`existing`: their tiers). They
 * add to new pairs, except to the entries of `lateBits`: those values arrive later, one by one, and rates would show a
 * burst.
 */
export function creditsWhenSettled(
  repo: Pick<Repo, 'horizon'>,
  before: StoredPipeline,
  after: Classification,
  existing: ReadonlySet<string>,
  lateBits: number,
): Credited {
  const settled = new Map(creditsAfterMove(repo, before, before.record, after));
  for (const { tier, kind } of after.tiers) {
    const isCountedNow = (kind === 'deployment' || kind === 'unread') && !before.isPending;
    if (!isCountedNow || before.credited.get(tier)) continue;
    settled.set(tier, existing.has(tier) ? neverCount : creditAtFirst(repo, before.record) | lateBits);
  }
  return settled;
}

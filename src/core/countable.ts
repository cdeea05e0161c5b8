/**
 * Which entries of a tier's ledger a pipeline may add to, as bits of those that it has added to or can never add to.
 */

import type { Classification } from './classification.ts';
import type { PipelineRecord } from './pipeline.ts';
import type { Repo } from './repo.ts';
import { waived } from './series/ledger.ts';
import type { StoredPipeline } from './stored-pipeline.ts';

type Credited = StoredPipeline['credited'];

/** When it is first known: all, or none if it is older than the horizon. */
export function creditAtFirst({ horizon }: Pick<Repo, 'horizon'>, { createdAt }: PipelineRecord): number {
  return horizon === null || createdAt === null || createdAt > horizon ? 0 : waived;
}

/** For each tier of a pipeline that was not known before. */
export function creditsAtFirst(
  repo: Pick<Repo, 'horizon'>,
  record: PipelineRecord,
  { tiers }: Classification,
): Credited {
  return new Map(tiers.map(({ tier }) => [tier, creditAtFirst(repo, record)]));
}

/** A pipeline that leaves a tier to whose ledger it has added adds to that of no tier it moves into. Bits are kept. */
export function creditsAfterMove(
  repo: Pick<Repo, 'horizon'>,
  { credited }: Pick<StoredPipeline, 'credited'>,
  record: PipelineRecord,
  after: Classification,
): Credited {
  const staysIn = new Set(after.tiers.map(({ tier }) => tier));
  const hasLeft = [...credited].some(([tier, bits]) => bits !== 0 && !staysIn.has(tier));
  const newBits = hasLeft ? waived : creditAtFirst(repo, record);
  return new Map([...after.tiers.map(({ tier }) => [tier, newBits] as const), ...credited]);
}

/**
 * Under another policy, what already counts for a pair that existed adds nothing to it. A new pair is counted in full,
 * but for `lateBits`: those of entries that are only known bit by bit later, which would look like news.
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
    const isCountedNow = (kind === 'deployment' || kind === 'unread') && !before.isHeld;
    if (!isCountedNow || before.credited.get(tier)) continue;
    settled.set(tier, existing.has(tier) ? waived : creditAtFirst(repo, before.record) | lateBits);
  }
  return settled;
}

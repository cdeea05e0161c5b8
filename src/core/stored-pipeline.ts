/** A pipeline as stored: its record, its classification under the policy, and its part in the ledger. */

import type { Classification } from './classification.ts';
import type { Change } from './commit-range.ts';
import type { Deployment } from './deployment.ts';
import { endedAt, type PipelineRecord } from './pipeline.ts';
import { fine, type Mark } from './verdict.ts';

export interface StoredPipeline {
  /** Key of the repo. */
  readonly repo: number;
  readonly record: PipelineRecord;
  /** Id of its commit. The record may have that of a tag object, or an abbreviated one. */
  readonly commit: string;
  readonly classification: Classification;
  /** Found by a scan that is not complete yet: not in state and ledger until then. */
  readonly isPending: boolean;
  /** By each tier that it is or was in: bits of the ledger entries it has added to, or can never add to. */
  readonly credited: ReadonlyMap<string, number>;
  /** By tier: what the forge reported of it, as a deployment. */
  readonly changes: ReadonlyMap<string, Change>;
}

/**
 * What the figures of a tier see of it; `null` if it does not count there, or not yet. `firstSeenAt`: creation of the
 * repo's first pipeline of the same commit, if it matters. `mark`: what an operator said of it.
 */
export function toDeployment(
  { repo, record, commit, classification, isPending, credited, changes }: StoredPipeline,
  tier: string,
  firstSeenAt: number | null = null,
  mark: Mark | null = null,
): Deployment | null {
  const found = isPending ? undefined : classification.tiers.find((one) => one.tier === tier);
  if (found?.kind !== 'deployment') return null;
  return {
    repo,
    number: record.number,
    at: found.at,
    knownAfterSeconds: knownAfter(record, found.at),
    outcome: found.outcome,
    startedAt: found.startedAt,
    durationSeconds: found.durationSeconds,
    isRework: found.isRework,
    commit,
    event: record.event,
    branch: record.branch,
    ref: record.ref,
    isRestart: (record.parent ?? 0) > 0,
    reverts: found.reverts,
    mark,
    committedAt: record.committedAt,
    firstSeenAt,
    change: changes.get(tier) ?? null,
    credited: credited.get(tier) ?? 0,
    repair: null,
    verdict: fine,
  };
}

/** How long after a part's finish its pipeline ended, in seconds. */
export function knownAfter(record: PipelineRecord, at: number): number {
  return Math.max(0, (endedAt(record) ?? at) - at);
}

/**
 * Changes for the tiers that a pipeline is in now. A tier it has come into takes that of another, since the deployment
 * before it is often the same there; if it is not, the forge is asked again.
 */
export function changesFor(
  changes: StoredPipeline['changes'],
  { tiers }: Classification,
): StoredPipeline['changes'] {
  const [known] = changes.values();
  if (!known || tiers.every(({ tier }) => changes.has(tier))) return changes;
  return new Map([...tiers.map(({ tier }) => [tier, known] as const), ...changes]);
}

/** Whether it is a deployment in any tier, pending or not. */
export function isDeployment({ classification }: Pick<StoredPipeline, 'classification'>): boolean {
  return classification.tiers.some(({ kind }) => kind === 'deployment');
}

/** Whether a tier takes it, and cannot say yet what it is there, though it has ended. */
export function isUnread({ classification }: Pick<StoredPipeline, 'classification'>): boolean {
  return classification.tiers.some(({ kind }) => kind === 'unread');
}

/** Its tiers, in their order. */
export function tiersOf({ classification }: Pick<StoredPipeline, 'classification'>): readonly string[] {
  return classification.tiers.map(({ tier }) => tier);
}

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
  /** Id of its commit. The id in the record may be that of a tag object, or abbreviated. */
  readonly commit: string;
  readonly classification: Classification;
  /** Whether a scan has found it that is not complete yet: until then, it is not in state and ledger. */
  readonly isPending: boolean;
  /** By tier, current and former: bits of the ledger entries that it has added to, or can never add to. */
  readonly credited: ReadonlyMap<string, number>;
  /** By tier: the forge's answer for it as a deployment. */
  readonly changes: ReadonlyMap<string, Change>;
}

/**
 * The pipeline as a deployment in a tier; `null` if it does not count there, or not yet. `firstSeenAt`: creation of the
 * repo's first pipeline of the same commit, if it matters. `mark`: an operator's mark on it.
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

/** Seconds from a part's finish, `at`, to the end of its pipeline; at least 0. */
export function knownAfter(record: PipelineRecord, at: number): number {
  return Math.max(0, (endedAt(record) ?? at) - at);
}

/**
 * Changes for the current tiers of a pipeline. A new tier takes the change of another tier, since the deployment before
 * it is often the same there; if it is not, the service asks the forge again.
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

/** Whether it has ended, and a tier that takes it needs its workflows or its ref to classify it. */
export function isUnread({ classification }: Pick<StoredPipeline, 'classification'>): boolean {
  return classification.tiers.some(({ kind }) => kind === 'unread');
}

/** Its tiers, sorted. */
export function tiersOf({ classification }: Pick<StoredPipeline, 'classification'>): readonly string[] {
  return classification.tiers.map(({ tier }) => tier);
}

/** A pipeline as the store keeps it: its record, what it is under the policy, and its standing with the ledger. */

import type { Classification } from './classification.ts';
import type { Change } from './commit-range.ts';
import type { Deployment } from './deployment.ts';
import { durationOf } from './our-clock.ts';
import type { PipelineRecord } from './pipeline.ts';

export interface StoredPipeline {
  /** Key of the repo. */
  readonly repo: number;
  readonly record: PipelineRecord;
  /** Id of its commit. The record may have that of a tag object, or an abbreviated one. */
  readonly commit: string;
  readonly classification: Classification;
  /** Brought by a scan that is not complete: kept out of state and ledger until it is. */
  readonly isHeld: boolean;
  /** Bits of the ledger entries it has added to, or can never add to. */
  readonly credited: number;
  /** What the forge reported of it, as a deployment. */
  readonly change: Change | null;
}

/**
 * What the figures see of it; `null` where it does not count, or not yet. `firstSeenAt`: creation of the repo's first
 * pipeline of the same commit, where it matters.
 */
export function toDeployment(pipeline: StoredPipeline, firstSeenAt: number | null = null): Deployment | null {
  const { classification, record } = pipeline;
  if (classification.kind !== 'deployment' || pipeline.isHeld) return null;
  return {
    repo: pipeline.repo,
    number: record.number,
    at: classification.at,
    outcome: classification.outcome,
    startedAt: record.startedAt,
    durationSeconds: durationOf(record),
    isRework: classification.isRework,
    commit: pipeline.commit,
    committedAt: record.committedAt,
    firstSeenAt,
    change: pipeline.change,
    credited: pipeline.credited,
  };
}

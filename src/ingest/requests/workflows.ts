/** Stores the answers about pipelines whose workflows were missing. */

import type { PipelineRecord } from '../../core/pipeline.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface ReadPipelines {
  /** Key of the repo. */
  readonly repo: number;
  readonly pipelines: readonly ReadPipeline[];
}

export interface ReadPipeline {
  readonly number: number;
  /** `null`: Woodpecker has deleted it. */
  readonly record: PipelineRecord | null;
}

/** A pipeline that is still without workflows counts as one that has none. */
export async function storeWorkflows(uow: UnitOfWork, { repo, pipelines }: ReadPipelines): Promise<void> {
  for (const { number, record } of pipelines) {
    if (record) await uow.pipelines.observe(repo, record, 'live');
    const stored = await uow.tx.pipelines.get(repo, number);
    if (!stored || stored.record.hasWorkflows) continue;
    await uow.pipelines.observe(repo, { ...stored.record, hasWorkflows: true }, 'live');
  }
}

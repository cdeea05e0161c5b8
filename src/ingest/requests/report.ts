/** Stores live reports of pipelines. */

import type { PipelineRecord } from '../../core/pipeline.ts';
import type { RepoFacts } from '../../core/repo.ts';
import type { Observed } from '../pipeline-changes.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface Report {
  readonly repo: RepoFacts;
  readonly record: PipelineRecord;
}

/** Stores what a report says about a pipeline and its repo. `limit`: the repo is new, and there are too many. */
export async function storeReport(
  uow: UnitOfWork,
  { repo: facts, record }: Report,
): Promise<Observed | 'limit'> {
  if (!(await uow.identity.admits(facts))) return 'limit';
  const repo = await uow.identity.repoOf(facts);
  return uow.pipelines.observe(repo.key, record, 'live');
}

export interface Observation {
  /** Key of the repo. */
  readonly repo: number;
  readonly record: PipelineRecord;
}

/** Stores a report about a pipeline of a known repo. */
export function observe(uow: UnitOfWork, { repo, record }: Observation): Promise<Observed> {
  return uow.pipelines.observe(repo, record, 'live');
}

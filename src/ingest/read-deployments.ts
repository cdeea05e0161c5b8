/** Reads the deployments of a series from the store, with operators' marks. */

import type { Deployment } from '../core/deployment.ts';
import type { MarkPlace, StoredMark } from '../core/failures/operator-mark.ts';
import type { Mark } from '../core/verdict.ts';
import type { DeploymentSelection, PipelineTable, TieredDeployment } from '../store/store.ts';

export type MarkOf = (place: MarkPlace) => StoredMark | null;

/** In order of repo, tier and time. Rejects with `StoreUnavailable`. */
export async function* readDeployments(
  pipelines: Pick<PipelineTable, 'deployments'>,
  markOf: MarkOf,
  selection?: DeploymentSelection,
): AsyncGenerator<readonly TieredDeployment[]> {
  for await (const slice of pipelines.deployments(selection)) {
    yield slice.map(({ tier, deployment }) => ({ tier, deployment: withMark(deployment, tier, markOf) }));
  }
}

/** As `readDeployments`, for one series. */
export async function* readSeries(
  pipelines: Pick<PipelineTable, 'deployments'>,
  markOf: MarkOf,
  selection: DeploymentSelection,
): AsyncGenerator<readonly Deployment[]> {
  for await (const slice of readDeployments(pipelines, markOf, selection)) {
    yield slice.map(({ deployment }) => deployment);
  }
}

/** The mark that a deployment shows; `null`: none. A deployment with the mark `ignore` is not one. */
export function shownMark(stored: StoredMark | null): Mark | null {
  return stored === null || stored.mark.kind === 'ignore' ? null : stored.mark;
}

function withMark(deployment: Deployment, tier: string, markOf: MarkOf): Deployment {
  const mark = shownMark(markOf({ repo: deployment.repo, number: deployment.number, tier }));
  return mark === null ? deployment : { ...deployment, mark };
}

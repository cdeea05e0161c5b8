/** Facts about the deployments of a chunk that the judge needs, computed once per chunk. */

import { type Deployment, startOf } from '../deployment.ts';
import { createKeptBeside } from '../kept-beside.ts';
import type { Chunk } from './chunks.ts';

export interface ChunkSummary {
  /** Unix seconds. */
  readonly earliestStart: number;
  /** Unix seconds. */
  readonly latestStart: number;
  /** Numbers of the deployments that are marked as fine. */
  readonly fineNumbers: ReadonlySet<number>;
  /** Numbers of the deployments that a deployment of the chunk repairs. */
  readonly repairedNumbers: readonly number[];
}

const summaries = createKeptBeside<Chunk['deployments'], ChunkSummary>('summary');

export function summaryOf({ deployments }: Chunk): ChunkSummary {
  const known = summaries.get(deployments) ?? summarize(deployments);
  summaries.set(deployments, known);
  return known;
}

function summarize(deployments: readonly Deployment[]): ChunkSummary {
  let earliestStart = Number.POSITIVE_INFINITY;
  let latestStart = Number.NEGATIVE_INFINITY;
  const fineNumbers = new Set<number>();
  const repairedNumbers: number[] = [];
  for (const deployment of deployments) {
    const { mark, number } = deployment;
    earliestStart = Math.min(earliestStart, startOf(deployment));
    latestStart = Math.max(latestStart, startOf(deployment));
    if (mark?.kind === 'fine') fineNumbers.add(number);
    repairedNumbers.push(...repairedBy(deployment));
  }
  return { earliestStart, latestStart, fineNumbers, repairedNumbers };
}

/** Numbers of the deployments that the deployment repairs. */
export function repairedBy({ repair }: Deployment): readonly number[] {
  if (!repair) return [];
  return [repair.undoes, repair.repairs, ...repair.reverts].filter((number) => number !== null);
}

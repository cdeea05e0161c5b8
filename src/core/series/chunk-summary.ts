/** Facts about the deployments of a chunk that the judge needs, computed once per chunk. */

import { type Deployment, startOf } from '../deployment.ts';
import type { Chunk } from './chunks.ts';

export interface ChunkSummary {
  /** Unix seconds. */
  readonly earliestStart: number;
  /** Unix seconds. */
  readonly latestStart: number;
  /** Numbers of the deployments that are marked as fine. */
  readonly fineNumbers: ReadonlySet<number>;
}

const summaries = new WeakMap<Chunk, ChunkSummary>();

export function summaryOf(chunk: Chunk): ChunkSummary {
  const known = summaries.get(chunk) ?? summarize(chunk.deployments);
  summaries.set(chunk, known);
  return known;
}

export function summarize(deployments: readonly Deployment[]): ChunkSummary {
  let earliestStart = Number.POSITIVE_INFINITY;
  let latestStart = Number.NEGATIVE_INFINITY;
  const fineNumbers = new Set<number>();
  for (const deployment of deployments) {
    const { mark, number } = deployment;
    earliestStart = Math.min(earliestStart, startOf(deployment));
    latestStart = Math.max(latestStart, startOf(deployment));
    if (mark?.kind === 'fine') fineNumbers.add(number);
  }
  return { earliestStart, latestStart, fineNumbers };
}

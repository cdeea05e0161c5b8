/** What judging asks of the deployments of a chunk, found once for each. */

import type { Deployment } from '../deployment.ts';
import type { Chunk } from './chunks.ts';

export interface ChunkSummary {
  /** When the first of them to start started, and the last; Unix seconds. */
  readonly earliestStart: number;
  readonly latestStart: number;
  /** The latest time of recovery that a mark of them tells; infinitely early: none does. */
  readonly latestRecovery: number;
  /** Numbers of those that are marked as fine. */
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
  let latestRecovery = Number.NEGATIVE_INFINITY;
  const fineNumbers = new Set<number>();
  for (const deployment of deployments) {
    const { mark, number } = deployment;
    earliestStart = Math.min(earliestStart, startOf(deployment));
    latestStart = Math.max(latestStart, startOf(deployment));
    if (mark?.kind === 'fine') fineNumbers.add(number);
    else if (mark !== null) latestRecovery = Math.max(latestRecovery, mark.recoveredAt ?? latestRecovery);
  }
  return { earliestStart, latestStart, latestRecovery, fineNumbers };
}

/** When a deployment started; its finish if that is unknown. */
export function startOf({ startedAt, at }: Deployment): number {
  return startedAt ?? at;
}

/**
 * The deployments of a timeline in chunks, each with the state before it. After a late deployment, only the chunks whose
 * values may differ are folded again (`refold.ts`), and a window adds up whole chunks.
 *
 * Chunks follow from the timeline alone. They are cached beside it.
 */

import type { Deployment } from '../deployment.ts';
import { type Fold, stepFold } from '../figures/fold.ts';
import { createKeptBeside } from '../kept-beside.ts';
import type { Timeline } from './timeline.ts';

export interface Chunk {
  /** Not readonly: the reducer replaces it by an equal fold that shares memory with later states. */
  before: Fold;
  readonly deployments: readonly Deployment[];
  /** Chunks with the same identity have the same values of all measures. */
  readonly identity: object;
}

export const chunkSize = 256;

export function createChunk(before: Fold, deployments: readonly Deployment[]): Chunk {
  return { before, deployments, identity: {} };
}

const chunksByTimeline = createKeptBeside<Timeline, readonly Chunk[]>('chunks');

export function chunksOf(timeline: Timeline): readonly Chunk[] {
  const known = chunksByTimeline.get(timeline);
  if (known) return known;
  const chunks: Chunk[] = [];
  let fold = timeline.base;
  for (let from = 0; from < timeline.recent.length; from += chunkSize) {
    const deployments = timeline.recent.slice(from, from + chunkSize);
    chunks.push(createChunk(fold, deployments));
    fold = deployments.reduce((state, deployment) => stepFold(state, deployment), fold);
  }
  return keepChunks(timeline, chunks);
}

export function keepChunks(timeline: Timeline, chunks: readonly Chunk[]): readonly Chunk[] {
  chunksByTimeline.set(timeline, chunks);
  return chunks;
}

/**
 * The chunks of `deployments`. `chunks` is older: the deployments at the indexes `replaced` were replaced since, by
 * deployments with the same values.
 */
export function withReplaced(
  chunks: readonly Chunk[],
  deployments: readonly Deployment[],
  replaced: readonly number[],
): readonly Chunk[] {
  if (replaced.length === 0) return chunks;
  const places = [...replaced].sort((a, b) => a - b);
  let next = 0;
  let end = 0;
  return chunks.map((chunk) => {
    const start = end;
    end += chunk.deployments.length;
    const first = next;
    while ((places[next] ?? end) < end) next++;
    return next > first ? { ...chunk, deployments: deployments.slice(start, end) } : chunk;
  });
}

/**
 * A timeline's deployments in chunks, each with the state before it: a late deployment then folds no more than what comes
 * after it again, and a window adds up whole chunks.
 *
 * Chunks follow from the timeline alone. They are kept beside it, and made again if they are not.
 */

import type { Deployment } from '../deployment.ts';
import { type Fold, stepFold } from '../figures/fold.ts';
import type { Timeline } from './reducer.ts';

export interface Chunk {
  /** Replaced by one that is equal, to share memory with later states. */
  before: Fold;
  readonly deployments: readonly Deployment[];
}

export const chunkSize = 256;

const chunksByTimeline = new WeakMap<Timeline, readonly Chunk[]>();

export function chunksOf(timeline: Timeline): readonly Chunk[] {
  const known = chunksByTimeline.get(timeline);
  if (known) return known;
  const chunks: Chunk[] = [];
  let fold = timeline.base;
  for (let from = 0; from < timeline.recent.length; from += chunkSize) {
    const deployments = timeline.recent.slice(from, from + chunkSize);
    chunks.push({ before: fold, deployments });
    fold = deployments.reduce((state, deployment) => stepFold(state, deployment), fold);
  }
  return keepChunks(timeline, chunks);
}

export function keepChunks(timeline: Timeline, chunks: readonly Chunk[]): readonly Chunk[] {
  chunksByTimeline.set(timeline, chunks);
  return chunks;
}

/** The chunks of `deployments`, of which those at some places were replaced. */
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
    return next > first ? { before: chunk.before, deployments: deployments.slice(start, end) } : chunk;
  });
}

/** How many come before the first for which `isBeyond` holds, among items in order. */
export function countBefore<T>(items: readonly T[], isBeyond: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && isBeyond(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

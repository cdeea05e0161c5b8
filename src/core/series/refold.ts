/**
 * Folds the deployments of a timeline again after a change: from the chunk of the first changed deployment up to the
 * chunk from which on nothing differs from before.
 *
 * Guarantee: chunks, states and additions to the ledger are the same as if all deployments were folded again.
 */

import { countBefore } from '../count-before.ts';
import type { Deployment } from '../deployment.ts';
import { carryFold, type Fold, stepFold } from '../figures/fold.ts';
import type { Portions } from '../portions.ts';
import { type Chunk, chunkSize, chunksOf, createChunk } from './chunks.ts';
import { type Credit, creditFor } from './ledger.ts';
import type { Timeline } from './timeline.ts';

/** The deployments of a timeline after a change: from index `from` to before `until` they may differ from the old ones. */
export interface Changed {
  /** The refolded ones are credited in place. */
  readonly deployments: Deployment[];
  readonly from: number;
  readonly until: number;
}

export interface Refolded {
  /** Index of the first deployment that was folded again. */
  readonly start: number;
  /** Index after the last one. */
  readonly end: number;
  readonly chunks: readonly Chunk[];
  /** The state after all deployments. */
  readonly current: Fold;
  /** By index of the deployment. */
  readonly credits: Map<number, Credit>;
}

/** In portions of one chunk. `addsToLedger`: whether deployments may add to the ledger. */
export function* refold(
  timeline: Timeline,
  { deployments, from, until }: Changed,
  addsToLedger: boolean,
): Portions<Refolded> {
  const chunks = chunksOf(timeline);
  const { kept, open, start, before: stateAtStart } = placeOf(timeline, from, deployments.length);
  const all = [...kept];
  const credits = new Map<number, Credit>();
  const starts = startsOf(chunks, deployments.length - timeline.recent.length);
  let fold = stateAtStart;
  let chunkBefore = open?.before ?? fold;
  let chunkStart = start - (open?.deployments.length ?? 0);
  const closeChunk = (end: number): void => {
    if (chunkStart < end) all.push(createChunk(chunkBefore, deployments.slice(chunkStart, end)));
    chunkBefore = fold;
    chunkStart = end;
  };
  let next = countBefore(starts, (one) => one >= Math.max(start, until));
  const firstTry = next;
  for (let index = start; index < deployments.length; index++) {
    if (index === starts[next]) {
      const later = chunks.slice(next);
      const carried =
        mayCarry(later.length, next - firstTry) &&
        carryFold(fold, [...later.map(({ before }) => before), timeline.current]);
      if (carried) {
        closeChunk(index);
        for (const [place, chunk] of later.entries()) all.push({ ...chunk, before: carried[place] ?? fold });
        return { start, end: index, chunks: all, current: carried.at(-1) ?? fold, credits };
      }
      if (index - chunkStart >= smallestChunk) closeChunk(index);
      next++;
      yield;
    }
    const deployment = deployments[index] as Deployment;
    const credit = addsToLedger ? creditFor(fold, deployment) : null;
    if (credit) {
      credits.set(index, credit);
      deployments[index] = credit.deployment;
    }
    fold = stepFold(fold, deployment);
    const left = (starts[next] ?? deployments.length) - index - 1;
    if (index + 1 - chunkStart < chunkSize || left < smallestChunk) continue;
    closeChunk(index + 1);
    yield;
  }
  closeChunk(deployments.length);
  return { start, end: deployments.length, chunks: all, current: fold, credits };
}

/** Fewer deployments join the chunk before them, so that late deployments do not leave many small chunks behind. */
const smallestChunk = chunkSize / 2;

/** Fewer chunks are folded again in less time: to carry a state copies the set of all delivered commits. */
const fewestCarried = 24;

/** Whether to try to carry a state over `left` chunks. The tries get rarer with the number of chunks that were `passed`. */
function mayCarry(left: number, passed: number): boolean {
  const isPowerOfTwo = (passed & (passed - 1)) === 0;
  return left >= fewestCarried && isPowerOfTwo;
}

/** Indexes at which the chunks start, after a change that added `more` deployments before them. */
function startsOf(chunks: readonly Chunk[], more: number): readonly number[] {
  let end = more;
  return chunks.map(({ deployments }) => {
    const start = end;
    end += deployments.length;
    return start;
  });
}

/**
 * The place to fold again from, if deployments from index `from` up to `end` may have changed: the start of a chunk, or
 * the end. `kept`: the chunks before it. `open`: the last chunk, if deployments that follow it find room in it.
 * `before`: the state at that place.
 */
function placeOf(timeline: Timeline, from: number, end: number) {
  const chunks = chunksOf(timeline);
  const kept: Chunk[] = [];
  let start = 0;
  for (const chunk of chunks) {
    if (start + chunk.deployments.length > from) break;
    kept.push(chunk);
    start += chunk.deployments.length;
  }
  const next = chunks[kept.length];
  const last = kept.at(-1);
  const open = start < end && !next && last && last.deployments.length < chunkSize ? last : null;
  if (open) kept.pop();
  return { kept, open, start, before: next?.before ?? timeline.current };
}

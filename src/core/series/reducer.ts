/**
 * The reducer: the deployments of one series in order of time, folded into the state of every figure.
 *
 * What is older than the longest window is folded into a base and forgotten; younger deployments are kept, so that a
 * late or corrected one is put in its place and folded again. Guarantees: the exact state depends on the set of
 * deployments alone; inputs are never modified. A change that reaches into the base cannot be folded here: the caller
 * reads the whole series from the store and builds it anew.
 */

import { compareDeployments, type Deployment } from '../deployment.ts';
import type { FigureRules } from '../figures/figure.ts';
import { type Fold, shareFold, startFold, stepFold } from '../figures/fold.ts';
import type { KnownGround } from '../known-ground.ts';
import { chunkSize, chunksOf, countBefore, keepChunks } from './chunks.ts';
import { type Credit, creditFor } from './ledger.ts';

export interface Timeline {
  /** State after all deployments up to and including `baseEnd`. */
  readonly base: Fold;
  /** Unix seconds. */
  readonly baseEnd: number;
  /** Deployments after `baseEnd`, in order. */
  readonly recent: readonly Deployment[];
  /** State after all deployments. */
  readonly tip: Fold;
}

export interface TimelineChange {
  /** Deployments as they stand in the timeline now. */
  readonly removed: readonly Deployment[];
  readonly inserted: readonly Deployment[];
}

export interface Reduction {
  readonly timeline: Timeline;
  /** What the change adds to the ledger, in order of time. */
  readonly credits: readonly Credit[];
}

/** A timeline before any deployment; what is folded into it later is read under `rules`. */
export function createTimeline(rules: FigureRules, ground?: KnownGround): Timeline {
  const start = startFold(rules, ground);
  return { base: start, baseEnd: 0, recent: [], tip: start };
}

/** The timeline after `change`, and what that adds to the ledger; `null` if it reaches into the base. */
export function reduce(timeline: Timeline, change: TimelineChange): Reduction | null {
  const steps = reduceInSteps(timeline, change);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** As `reduce`, in steps of a millisecond or so, for whoever has other things to do in between. */
export function* reduceInSteps(
  timeline: Timeline,
  change: TimelineChange,
): Generator<void, Reduction | null, void> {
  const inserted = [...change.inserted].sort(compareDeployments);
  const removed = [...change.removed].sort(compareDeployments);
  const first = firstOf(inserted[0], removed[0]);
  if (!first) return { timeline, credits: [] };
  if (first.at <= timeline.baseEnd) return null;

  const chunks = chunksOf(timeline);
  const place = countBefore(
    chunks,
    ({ deployments: [start] }) => start !== undefined && isAfter(start, first),
  );
  // What is before the first change stays as it is; an append need not fold the last chunk again either.
  const last = timeline.recent.at(-1);
  const isAppend = !last || isAfter(first, last);
  const kept = chunks.slice(0, isAppend ? undefined : Math.max(0, place - 1));
  const changed = chunks.slice(kept.length).flatMap(({ deployments }) => deployments);
  const open =
    isAppend && (kept.at(-1)?.deployments.length ?? chunkSize) < chunkSize ? kept.pop() : undefined;

  const refolded: Deployment[] = [];
  const credits: Credit[] = [];
  let fold = isAppend ? timeline.tip : (chunks[kept.length]?.before ?? timeline.base);
  let chunk = open
    ? { before: open.before, deployments: [...open.deployments] }
    : { before: fold, deployments: [] as Deployment[] };
  for (const deployment of merge(without(changed, removed), inserted)) {
    if (chunk.deployments.length === chunkSize) {
      kept.push(chunk);
      chunk = { before: fold, deployments: [] };
      yield;
    }
    const credit = creditFor(fold, deployment);
    if (credit) credits.push(credit);
    const folded = credit ? credit.deployment : deployment;
    chunk.deployments.push(folded);
    refolded.push(folded);
    fold = stepFold(fold, deployment);
  }
  if (chunk.deployments.length > 0) kept.push(chunk);
  const unchanged = timeline.recent.slice(0, timeline.recent.length - changed.length);
  const base = shareFold(timeline.base, fold);
  const next = { ...timeline, base, recent: unchanged.concat(refolded), tip: fold };
  for (const one of kept) one.before = shareFold(one.before, fold);
  keepChunks(next, kept);
  return { timeline: next, credits };
}

/** The timeline with all up to `cutoff` (Unix seconds) folded into its base. */
export function settle(timeline: Timeline, cutoff: number): Timeline {
  const settled = countBefore(timeline.recent, ({ at }) => at > cutoff);
  if (settled === 0) return timeline;
  const chunks = chunksOf(timeline);
  const gone =
    countBefore(chunks, ({ deployments: [start] }) => start !== undefined && start.at > cutoff) - 1;
  const cut = chunks[gone];
  const left = cut?.deployments.filter(({ at }) => at > cutoff) ?? [];
  let base = cut?.before ?? timeline.base;
  for (const deployment of cut?.deployments ?? [])
    if (deployment.at <= cutoff) base = stepFold(base, deployment);
  const next = { base, baseEnd: cutoff, recent: timeline.recent.slice(settled), tip: timeline.tip };
  const rest = chunks.slice(gone + 1);
  keepChunks(next, left.length > 0 ? [{ before: base, deployments: left }, ...rest] : rest);
  return next;
}

function firstOf(a: Deployment | undefined, b: Deployment | undefined): Deployment | undefined {
  return a && b ? (isAfter(a, b) ? b : a) : (a ?? b);
}

function isAfter(a: Deployment, b: Deployment): boolean {
  return compareDeployments(a, b) > 0;
}

function without(deployments: readonly Deployment[], removed: readonly Deployment[]): readonly Deployment[] {
  if (removed.length === 0) return deployments;
  const identity = (deployment: Deployment) => `${deployment.repo}/${deployment.number}`;
  const gone = new Set(removed.map(identity));
  return deployments.filter((deployment) => !gone.has(identity(deployment)));
}

function merge(a: readonly Deployment[], b: readonly Deployment[]): readonly Deployment[] {
  return a.length === 0 ? b : [...a, ...b].sort(compareDeployments);
}

/** Builds a timeline from a whole series read in order, without holding more of it than the result does. */
export function createTimelineBuilder(
  rules: FigureRules,
  cutoff: number,
  ground?: KnownGround,
): {
  add(deployment: Deployment): void;
  build(): Timeline;
} {
  let { base, tip } = createTimeline(rules, ground);
  let hasBase = false;
  const recent: Deployment[] = [];
  const chunks: { readonly before: Fold; readonly deployments: Deployment[] }[] = [];
  return {
    add(deployment) {
      if (deployment.at > cutoff) {
        if (recent.length % chunkSize === 0) chunks.push({ before: tip, deployments: [] });
        chunks.at(-1)?.deployments.push(deployment);
        recent.push(deployment);
        tip = stepFold(tip, deployment);
      } else {
        tip = stepFold(tip, deployment);
        base = tip;
        hasBase = true;
      }
    },
    build() {
      const timeline = { base, baseEnd: hasBase ? cutoff : 0, recent, tip };
      keepChunks(timeline, chunks);
      return timeline;
    },
  };
}

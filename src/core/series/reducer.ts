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
import { type Fold, startFold, stepFold } from '../figures/fold.ts';
import type { KnownGround } from '../known-ground.ts';
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

/** The timeline after `change`, and what that adds to the ledger; `null` where it reaches into the base. */
export function reduce(timeline: Timeline, change: TimelineChange): Reduction | null {
  const inserted = [...change.inserted].sort(compareDeployments);
  const first = inserted[0];
  const reachesIntoBase = (deployment: Deployment) => deployment.at <= timeline.baseEnd;
  if ((first && reachesIntoBase(first)) || change.removed.some(reachesIntoBase)) return null;

  const last = timeline.recent.at(-1);
  const isAppend = change.removed.length === 0 && (!first || !last || compareDeployments(last, first) < 0);
  if (isAppend) {
    const appended = foldAll(timeline.tip, inserted);
    return {
      timeline: { ...timeline, recent: [...timeline.recent, ...appended.deployments], tip: appended.fold },
      credits: appended.credits,
    };
  }
  const recent = mergeSorted(without(timeline.recent, change.removed), inserted);
  const refolded = foldAll(timeline.base, recent);
  return {
    timeline: { ...timeline, recent: refolded.deployments, tip: refolded.fold },
    credits: refolded.credits,
  };
}

/** The timeline with all up to `cutoff` (Unix seconds) folded into its base. */
export function settle(timeline: Timeline, cutoff: number): Timeline {
  let base = timeline.base;
  let settled = 0;
  for (const deployment of timeline.recent) {
    if (deployment.at > cutoff) break;
    base = stepFold(base, deployment);
    settled++;
  }
  if (settled === 0) return timeline;
  return { base, baseEnd: cutoff, recent: timeline.recent.slice(settled), tip: timeline.tip };
}

function foldAll(
  start: Fold,
  deployments: readonly Deployment[],
): { fold: Fold; deployments: Deployment[]; credits: Credit[] } {
  let fold = start;
  const folded: Deployment[] = [];
  const credits: Credit[] = [];
  for (const deployment of deployments) {
    const credit = creditFor(fold, deployment);
    if (credit) credits.push(credit);
    folded.push(credit ? credit.deployment : deployment);
    fold = stepFold(fold, deployment);
  }
  return { fold, deployments: folded, credits };
}

function without(deployments: readonly Deployment[], removed: readonly Deployment[]): readonly Deployment[] {
  if (removed.length === 0) return deployments;
  const identity = (deployment: Deployment) => `${deployment.repo}/${deployment.number}`;
  const gone = new Set(removed.map(identity));
  return deployments.filter((deployment) => !gone.has(identity(deployment)));
}

function mergeSorted(a: readonly Deployment[], b: readonly Deployment[]): Deployment[] {
  return [...a, ...b].sort(compareDeployments);
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
  return {
    add(deployment) {
      tip = stepFold(tip, deployment);
      if (deployment.at > cutoff) {
        recent.push(deployment);
      } else {
        base = tip;
        hasBase = true;
      }
    },
    build: () => ({ base, baseEnd: hasBase ? cutoff : 0, recent, tip }),
  };
}

/** The deployments of one repo and tier that are in memory, judged, with the states of all figures. */

import type { Deployment } from '../deployment.ts';
import { emptyPast, type Past } from '../failures/deployed-history.ts';
import type { FigureRules } from '../figures/figure.ts';
import { type Fold, startFold } from '../figures/fold.ts';
import type { KnownGround } from '../known-ground.ts';
import type { Episode } from '../verdict.ts';
import type { JudgedBy } from './changed-incidents.ts';

export interface Timeline {
  readonly rules: FigureRules;
  /** State after all deployments up to and including `baseEnd`. */
  readonly base: Fold;
  /** Commits deployed up to and including `baseEnd`. */
  readonly past: Past;
  /** Unix seconds: start of the failure that is open at `baseEnd` and ends with the next success; 0: none is open. */
  readonly failingSince: number;
  /** Unix seconds. */
  readonly baseEnd: number;
  /** Deployments after `baseEnd`, in order. */
  readonly recent: readonly Deployment[];
  /** Episodes of failure that are open or ended after `baseEnd`, in order. */
  readonly episodes: readonly Episode[];
  /** State after all deployments. */
  readonly current: Fold;
  /** Unix seconds from which on it must be judged again, even without a change; infinite: never. */
  readonly validUntil: number;
  /** Input of the last judgement; `null`: no deployment was judged yet. */
  readonly judgedBy: JudgedBy | null;
}

/**
 * A timeline without deployments. `rules` apply to all that are folded into it; without a `ground`, all of them count.
 */
export function createTimeline(rules: FigureRules, ground?: KnownGround): Timeline {
  const start = startFold(rules, ground);
  return {
    ...{ rules, base: start, past: emptyPast, failingSince: 0, baseEnd: 0 },
    ...{ recent: [], episodes: [], current: start, validUntil: Number.POSITIVE_INFINITY, judgedBy: null },
  };
}

/** The timeline without its recent deployments: its base alone. */
export function atBase(timeline: Timeline): Timeline {
  return {
    ...timeline,
    recent: [],
    episodes: [],
    current: timeline.base,
    validUntil: Number.POSITIVE_INFINITY,
    judgedBy: null,
  };
}

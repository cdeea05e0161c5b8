/** What the forge is still to be asked: for each deployment of a series, the step from the one before it. */

import type { Deployment } from './deployment.ts';
import {
  changeLeadTime,
  type Delivered,
  type LastCommit,
  lastCommitAfter,
  lookupFor,
} from './figures/change-lead-time.ts';
import type { Figure, FigureRules } from './figures/figure.ts';
import type { Fold } from './figures/fold.ts';
import { figures } from './figures/index.ts';
import { counts, type KnownGround } from './known-ground.ts';
import type { Timeline } from './series/reducer.ts';

export interface Lookup {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  readonly number: number;
  /** Of the deployment, Unix seconds. */
  readonly at: number;
  /** `null`: there was no successful deployment before. */
  readonly base: string | null;
  readonly head: string;
}

const place = figures.indexOf(changeLeadTime as Figure<unknown>);

function deliveredAt({ states }: Fold): Delivered {
  return states[place] as Delivered;
}

/** In order of time; see `pendingBefore` for what is older than the timeline's base. */
export function lookupsOf({ base, recent }: Timeline, tier: string): readonly Lookup[] {
  const finder = createLookupFinder(deliveredAt(base), base.ground, tier);
  return recent.flatMap((deployment) => finder.next(deployment) ?? []);
}

/** How many deployments older than the timeline's base the forge is still to be asked for. */
export function pendingBefore({ base }: Timeline): number {
  return deliveredAt(base).pending;
}

export interface LookupFinder {
  /** What the forge is to be asked for the next deployment of the series, in order of time; `null`: nothing. */
  next(deployment: Deployment): Lookup | null;
}

/** `start`: before the first deployment. */
export function createLookupFinder(start: LastCommit, ground: KnownGround, tier: string): LookupFinder {
  let last = start;
  return {
    next(deployment) {
      if (!last.rules.asksForge || !counts(ground, deployment)) return null;
      const { repo, number, at } = deployment;
      const wanted = lookupFor(last, deployment);
      last = lastCommitAfter(last, deployment);
      return wanted && { repo, tier, number, at, ...wanted };
    },
  };
}

/** Before the first deployment of any series. */
export function beforeAll(rules: FigureRules): LastCommit {
  return { rules, commit: null };
}

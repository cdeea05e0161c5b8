/** Finds what to ask the forge: for each deployment of a series, the comparison with the one before it. */

import type { Deployment } from './deployment.ts';
import { changeLeadTime } from './figures/change-lead-time.ts';
import { type LastCommit, lastCommitAfter, lookupFor } from './figures/delivery.ts';
import type { FigureRules } from './figures/figure.ts';
import { stateOf } from './figures/fold.ts';
import { counts, type KnownGround } from './known-ground.ts';
import type { Timeline } from './series/timeline.ts';

export interface Lookup {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  readonly number: number;
  /** Finish of the deployment, Unix seconds. */
  readonly at: number;
  /** `null`: there was no successful deployment before. */
  readonly base: string | null;
  readonly head: string;
}

/** Missing lookups of the timeline's recent deployments, in order of time. `pendingBefore` counts the missing lookups of its base. */
export function lookupsOf({ base, recent }: Timeline, tier: string): readonly Lookup[] {
  const finder = createLookupFinder(stateOf(base, changeLeadTime), base.ground, tier);
  return recent.flatMap((deployment) => finder.next(deployment) ?? []);
}

/** Number of deployments in the timeline's base for which the forge's answer is missing. */
export function pendingBefore({ base }: Timeline): number {
  return stateOf(base, changeLeadTime).pending;
}

export interface LookupFinder {
  /** The lookup for the next deployment of the series, in order of time; `null`: it needs none. */
  next(deployment: Deployment): Lookup | null;
}

/** `start`: the state before the first deployment. */
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

/** The state before the first deployment of a series. */
export function beforeAll(rules: FigureRules): LastCommit {
  return { rules, commit: null };
}

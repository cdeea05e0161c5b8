/** What the forge is still to be asked: for each deployment that a timeline holds, the step from the one before it. */

import { changeLeadTime, type Delivered, lookupFor } from './figures/change-lead-time.ts';
import type { Figure } from './figures/figure.ts';
import { figures } from './figures/index.ts';
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

/** In order of time; what is older than the timeline's base is asked for no more. */
export function lookupsOf(timeline: Timeline, tier: string): readonly Lookup[] {
  let delivered = timeline.base.states[place] as Delivered;
  if (!delivered.rules.asksForge) return [];
  const lookups: Lookup[] = [];
  for (const deployment of timeline.recent) {
    const wanted = lookupFor(delivered, deployment);
    if (wanted)
      lookups.push({ repo: deployment.repo, tier, number: deployment.number, at: deployment.at, ...wanted });
    delivered = changeLeadTime.step(delivered, deployment);
  }
  return lookups;
}

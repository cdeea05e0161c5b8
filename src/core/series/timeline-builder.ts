/** Builds a timeline from a whole series, which is read in order. */

import type { Deployment } from '../deployment.ts';
import { longestLimit } from '../failures/repair-search.ts';
import type { FigureRules } from '../figures/figure.ts';
import type { KnownGround } from '../known-ground.ts';
import { type Surroundings, takeSearch } from './judged.ts';
import { reduce } from './reducer.ts';
import { compact } from './settle.ts';
import { createTimeline, type Timeline } from './timeline.ts';

/** Number of deployments that are folded together while a series is read. */
const builtAtOnce = 5_000;

export interface TimelineBuilder {
  /** Takes in the next deployment. */
  add(deployment: Deployment): void;
  build(): Timeline;
}

/**
 * Builds a timeline from a whole series, which is read in order. Deployments up to `cutoff` (Unix seconds) are folded
 * into the base on the way, so that memory never contains much more than the result.
 */
export function createTimelineBuilder(
  rules: FigureRules,
  cutoff: number,
  surroundings: Surroundings,
  ground?: KnownGround,
): TimelineBuilder {
  let timeline = createTimeline(rules, ground);
  let inserted: Deployment[] = [];
  const flush = (until: number): void => {
    const reduction = reduce(timeline, { removed: [], inserted, surroundings, ledger: 'keep' });
    if (!reduction) throw new Error('Deployments were not read in order');
    timeline = compact(reduction.timeline, until);
    inserted = [];
  };
  return {
    add(deployment) {
      inserted.push(deployment);
      // The next ones must not reach into the base, however old they are, nor show that one in it has failed.
      const latest = deployment.at - 1 - longestLimit(rules.failures);
      if (inserted.length === builtAtOnce) flush(Math.min(cutoff, latest));
    },
    build() {
      if (inserted.length > 0) flush(cutoff);
      // Most series are read at start and then rest: the next deployment makes a new search.
      takeSearch(timeline);
      return timeline;
    },
  };
}

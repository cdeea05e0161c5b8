/**
 * One window of a tier over all its series. Each change exchanges a series' old share for its new one, in time that
 * depends on the change alone; the next read is linear in the size of the tier.
 */

import type { Window } from '../policy.ts';
import { addKnownTime, coverageOf, type KnownTime, knownTimeOf, noKnownTime } from './coverage.ts';
import { createSortedBag } from './sorted-multiset.ts';
import { noValues } from './values.ts';
import { emptyContent, type WindowContent, windowCounts, windowDistributions } from './window-content.ts';

/** One window of a series, or of a tier over all its series. */
export interface WindowShare extends WindowContent {
  /** The known part of the window, from 0 to 1; of a tier, the mean over its series. */
  readonly coverage: number;
  /** The known part to the second, for rates per day. */
  readonly knownTime: KnownTime;
}

export interface TierSample {
  readonly tier: string;
  /** In the order of the policy. */
  readonly windows: readonly WindowShare[];
}

/** The share of a series whose pipelines are known from `knownSince` on, in a window that ends at `now` (Unix seconds). */
export function shareOf(
  content: WindowContent,
  knownSince: number | null,
  window: Window,
  now: number,
): WindowShare {
  const { ratio } = coverageOf(knownSince, window, now);
  return { ...content, coverage: ratio, knownTime: knownTimeOf(knownSince, window, now) };
}

export interface TierWindow {
  /** Replaces a series' share; `null`: the series has none. */
  exchange(before: WindowShare | null, after: WindowShare | null): void;
  /** `null` if no series has a share; the same object until the next exchange. */
  sample(): WindowShare | null;
}

const thousand = 1000;
const noShare: WindowShare = { ...emptyContent, coverage: 0, knownTime: noKnownTime };

export function createTierWindow(): TierWindow {
  let series = 0;
  let known = 0;
  const counts = windowCounts.map(() => 0);
  const bags = windowDistributions.map(() => createSortedBag());
  /** Sum over the series, in thousandths: integers add up without rounding. */
  let coverage = 0;
  let knownTime = noKnownTime;
  let latest: WindowShare | null = null;
  let isStale = false;
  return {
    exchange(old, next) {
      if (old === next) return;
      isStale = true;
      series += Number(next !== null) - Number(old !== null);
      const [before, after] = [old ?? noShare, next ?? noShare];
      known += after.known - before.known;
      coverage += Math.round(after.coverage * thousand) - Math.round(before.coverage * thousand);
      knownTime = addKnownTime(addKnownTime(knownTime, before.knownTime, -1), after.knownTime, 1);
      for (let place = 0; place < counts.length; place++) {
        counts[place] = (counts[place] ?? 0) - (before.counts[place] ?? 0) + (after.counts[place] ?? 0);
      }
      for (const [place, bag] of bags.entries()) {
        const [removed, added] = [before.samples[place], after.samples[place]];
        if (removed !== added) bag.exchange(removed ?? noValues, added ?? noValues);
      }
    },
    sample() {
      if (!isStale) return latest;
      isStale = false;
      const samples = bags.map((bag) => bag.values());
      const share = {
        known,
        counts: [...counts],
        samples,
        coverage: coverage / (series * thousand),
        knownTime,
      };
      latest = series === 0 ? null : share;
      return latest;
    },
  };
}

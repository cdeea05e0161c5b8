/**
 * The windows of a tier over all its series. Each change exchanges a series' old share for its new one, in time that
 * depends on the change alone; the next read is linear in the size of the tier.
 */

import { addKnownTime, type KnownTime, noKnownTime } from './coverage.ts';
import { createSortedBag, type SortedBag } from './sorted-multiset.ts';
import { noValues } from './values.ts';
import { emptyContent, type WindowContent, windowCounts, windowDistributions } from './window-content.ts';

/** The share of one series in the windows of its tier, one entry per window, in the order of the policy. */
export interface TierShare {
  readonly windows: readonly WindowContent[];
  /** The known part of each window, from 0 to 1. */
  readonly coverage: readonly number[];
  /** The known part to the second, for rates per day; empty if the caller needs no rates. */
  readonly knownTime: readonly KnownTime[];
}

export interface TierSample extends TierShare {
  readonly tier: string;
}

export interface TierWindows {
  /** Replaces a series' share; `null`: the series has none. */
  exchange(before: TierShare | null, after: TierShare | null): void;
  /**
   * `null` if no series has a share; the same object until the next exchange. Coverage is the mean over the series.
   */
  sample(): TierSample | null;
}

export function createTierWindows(tier: string, numberOfWindows: number): TierWindows {
  const books = Array.from({ length: numberOfWindows }, createBook);
  let series = 0;
  let latest: TierSample | null = null;
  let isStale = false;
  return {
    exchange(before, after) {
      if (before === after) return;
      series += Number(after !== null) - Number(before !== null);
      for (const [index, book] of books.entries())
        book.exchange(shareAt(before, index), shareAt(after, index));
      isStale = true;
    },
    sample() {
      if (!isStale) return latest;
      isStale = false;
      latest =
        series === 0
          ? null
          : {
              tier,
              windows: books.map((book) => book.content()),
              coverage: books.map((book) => book.coverageSum() / (series * thousand)),
              knownTime: books.map((book) => book.knownTime()),
            };
      return latest;
    },
  };
}

interface Share {
  readonly content: WindowContent;
  readonly coverage: number;
  readonly knownTime: KnownTime;
}

const thousand = 1000;
const noShare: Share = { content: emptyContent, coverage: 0, knownTime: noKnownTime };

function shareAt(share: TierShare | null, index: number): Share {
  const content = share?.windows[index];
  return share && content
    ? {
        content,
        coverage: share.coverage[index] ?? 0,
        knownTime: share.knownTime[index] ?? noKnownTime,
      }
    : noShare;
}

/** One window of a tier. */
function createBook() {
  const counts = windowCounts.map(() => 0);
  const bags: SortedBag[] = windowDistributions.map(() => createSortedBag());
  /** Sum over the series, in thousandths: integers add up without rounding. */
  let coverage = 0;
  let known = 0;
  let knownTime = noKnownTime;
  return {
    exchange(before: Share, after: Share): void {
      known += after.content.known - before.content.known;
      knownTime = addKnownTime(addKnownTime(knownTime, before.knownTime, -1), after.knownTime, 1);
      for (let place = 0; place < counts.length; place++) {
        counts[place] =
          (counts[place] ?? 0) - (before.content.counts[place] ?? 0) + (after.content.counts[place] ?? 0);
      }
      for (let place = 0; place < bags.length; place++) {
        const [removed, added] = [before.content.samples[place], after.content.samples[place]];
        if (removed !== added) bags[place]?.exchange(removed ?? noValues, added ?? noValues);
      }
      coverage += Math.round(after.coverage * thousand) - Math.round(before.coverage * thousand);
    },
    content: (): WindowContent => ({ known, counts: [...counts], samples: bags.map((bag) => bag.values()) }),
    coverageSum: () => coverage,
    knownTime: () => knownTime,
  };
}

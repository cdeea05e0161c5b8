/**
 * What a window holds while it moves on in time: deployments enter at its end and leave at its beginning, each at a cost
 * that hardly depends on how many it holds. For whoever goes through a history from its beginning; of a single moment,
 * see `window-content.ts`.
 */

import { emptyContent, type WindowContent } from './window-content.ts';

export interface SlidingWindow {
  /** Takes in what a deployment at `at` adds; none may be earlier than the last one. */
  add(at: number, contribution: WindowContent): void;
  /** Moves the window's end to `now`, which may not be earlier than what was taken in. */
  moveTo(now: number): void;
  /** What it holds; the same object, which changes with every call of the above. */
  readonly content: WindowContent;
  /** Unix seconds at which the next one leaves; infinite where it holds none. */
  readonly validUntil: number;
}

export function createSlidingWindow(seconds: number): SlidingWindow {
  const counts = [...emptyContent.counts];
  const samples = emptyContent.samples.map((): number[] => []);
  let entries: { readonly at: number; readonly contribution: WindowContent }[] = [];
  /** How many of `entries` have left. */
  let gone = 0;

  let known = 0;
  const count = (added: WindowContent, times: 1 | -1): void => {
    known += times * added.known;
    for (const [place, amount] of added.counts.entries())
      counts[place] = (counts[place] ?? 0) + times * amount;
  };
  const moveTo = (now: number): void => {
    for (let next = entries[gone]; next && next.at <= now - seconds; next = entries[++gone]) {
      count(next.contribution, -1);
      for (const [place, values] of next.contribution.samples.entries())
        for (const value of values) remove(samples[place] ?? [], value);
    }
    // Cut off now and then, so that each entry is moved but once on the average.
    if (gone > entries.length / 2) {
      entries = entries.slice(gone);
      gone = 0;
    }
  };

  return {
    add(at, contribution) {
      moveTo(at);
      entries.push({ at, contribution });
      count(contribution, 1);
      for (const [place, values] of contribution.samples.entries())
        for (const value of values) insert(samples[place] ?? [], value);
    },
    moveTo,
    content: {
      get known() {
        return known;
      },
      counts,
      samples,
    },
    get validUntil() {
      const next = entries[gone];
      return next ? next.at + seconds : Number.POSITIVE_INFINITY;
    },
  };
}

function insert(sorted: number[], value: number): void {
  sorted.splice(placeOf(sorted, value), 0, value);
}

function remove(sorted: number[], value: number): void {
  sorted.splice(placeOf(sorted, value), 1);
}

/** The first place at which nothing smaller stands. */
function placeOf(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

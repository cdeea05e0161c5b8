/**
 * The values of a window, for quantiles. They are kept in runs, each in ascending order, so that windows that overlap
 * can share runs.
 */

import { countBefore } from '../count-before.ts';

export interface Values {
  /** No run is empty. */
  readonly runs: readonly Run[];
  readonly count: number;
}

/** In ascending order. */
export type Run = readonly number[];

export const noValues: Values = { runs: [], count: 0 };

/** `values` in any order. */
export function toValues(values: readonly number[]): Values {
  return values.length === 0 ? noValues : { runs: [inOrder(values)], count: values.length };
}

/** All values in ascending order. */
export function inAscendingOrder({ runs }: Values): Run {
  const [only] = runs;
  return runs.length === 1 && only ? only : inOrder(runs.flat());
}

/** A typed array sorts several times as fast as an array with a comparison function. */
export function inOrder(values: readonly number[]): Run {
  return values.length < 2 ? values : [...Float64Array.from(values).sort()];
}

export interface ValuesDraft {
  add(values: Values): void;
  finish(): Values;
}

/** Shorter runs are joined into one. */
const shortestRun = 32;

export function createValuesDraft(): ValuesDraft {
  const runs: Run[] = [];
  const others: number[] = [];
  let count = 0;
  return {
    add(values) {
      count += values.count;
      for (const run of values.runs) {
        if (run.length >= shortestRun) runs.push(run);
        else for (const value of run) others.push(value);
      }
    },
    finish: () => ({ runs: others.length > 0 ? [...runs, inOrder(others)] : runs, count }),
  };
}

/** Runs of `a` that are not in `b`, compared by identity, not by content. */
export function runsBeyond(a: Values, b: Values): readonly Run[] {
  if (b.runs.length === 0) return a.runs;
  const shared = new Set(b.runs);
  return a.runs.filter((run) => !shared.has(run));
}

/**
 * The `q`-quantile, linearly interpolated as PostgreSQL's `percentile_cont`
 * (https://www.postgresql.org/docs/current/functions-aggregate.html); `null` without values.
 */
export function quantileOf({ runs, count }: Values, q: number): number | null {
  if (count === 0) return null;
  const place = q * (count - 1);
  const below = Math.floor(place);
  const low = valueAt(runs, below);
  const high = below + 1 < count && place > below ? valueAt(runs, below + 1) : low;
  return low + (high - low) * (place - below);
}

/** The value at index `place` among all values in ascending order; there must be more than `place` values. */
function valueAt(runs: readonly Run[], place: number): number {
  const [first = []] = runs;
  if (runs.length === 1) return first[place] ?? 0;
  const froms = runs.map(() => 0);
  const tos = runs.map((run) => run.length);
  for (;;) {
    const widest = indexOfWidest(froms, tos);
    const pivot = runs[widest]?.[((froms[widest] ?? 0) + (tos[widest] ?? 0)) >> 1] ?? 0;
    const lower = runs.map((run, index) =>
      countBefore(run, (value) => value >= pivot, froms[index], tos[index]),
    );
    if (place < sum(lower)) {
      for (const [index, bound] of lower.entries()) tos[index] = bound;
      continue;
    }
    const upper = runs.map((run, index) =>
      countBefore(run, (value) => value > pivot, lower[index], tos[index]),
    );
    if (place < sum(upper)) return pivot;
    for (const [index, bound] of upper.entries()) froms[index] = bound;
  }
}

function indexOfWidest(froms: readonly number[], tos: readonly number[]): number {
  let widest = 0;
  let width = 0;
  for (const [index, to] of tos.entries()) {
    const own = to - (froms[index] ?? 0);
    if (own <= width) continue;
    widest = index;
    width = own;
  }
  return widest;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

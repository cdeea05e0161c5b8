/**
 * Reports by a pipeline's steps for a tier, and the join of two reports for one tier.
 *
 * Guarantees: `joinTierReports` is associative, commutative and idempotent.
 */

import { compareText } from './compare-text.ts';

/** All times are Unix seconds. */
export interface TierReport {
  readonly tier: string;
  readonly status: string;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** Receipt of the first report of an end without a time; `null`: none. */
  readonly firstEndReportAt: number | null;
}

/**
 * Joins two lists; each of them, and the result, is sorted by tier and has each tier once. `compareEnds` is positive if
 * the end of the first report wins. Returns one of the two itself, `a` first, if the other adds nothing.
 */
export function joinTierReports(
  a: readonly TierReport[],
  b: readonly TierReport[],
  compareEnds: (one: TierReport, other: TierReport) => number,
): readonly TierReport[] {
  if (b.length === 0) return a;
  const joined = new Map(a.map((report) => [report.tier, report]));
  for (const other of b) {
    const one = joined.get(other.tier);
    if (!one) {
      joined.set(other.tier, other);
      continue;
    }
    const { status, finishedAt } = compareEnds(one, other) >= 0 ? one : other;
    joined.set(other.tier, {
      ...{ tier: other.tier, status, finishedAt },
      startedAt: earliest(one.startedAt, other.startedAt),
      firstEndReportAt: earliest(one.firstEndReportAt, other.firstEndReportAt),
    });
  }
  const sorted = [...joined.values()].sort((one, other) => compareText(one.tier, other.tier));
  return areSameReports(sorted, a) ? a : areSameReports(sorted, b) ? b : sorted;
}

export function areSameReports(a: readonly TierReport[], b: readonly TierReport[]): boolean {
  return JSON.stringify(a.map(toRow)) === JSON.stringify(b.map(toRow));
}

function toRow({ tier, status, startedAt, finishedAt, firstEndReportAt }: TierReport) {
  return [tier, status, startedAt, finishedAt, firstEndReportAt];
}

/** The earlier of two times; `null`: unknown. */
export function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

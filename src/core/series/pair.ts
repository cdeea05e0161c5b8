/** A repo and a tier, with their totals in the ledger. */

import { nameKey, type Repo } from '../repo.ts';
import { sumTotals, type Totals } from './ledger.ts';

export interface Pair {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  /** Whether the current policy yields the pair; if not, the pair keeps its totals and is not shown. */
  readonly isKnown: boolean;
  /** Additions of the repo's own pipelines. */
  readonly totals: Totals;
  /** Totals of other repos that had the same name until they were renamed: the counters of a name never fall. */
  readonly carried?: Totals;
}

/** The pair's share in the totals of its series. */
export function shownTotals({ totals, carried }: Pair): Totals {
  return carried ? sumTotals(totals, carried) : totals;
}

/** Key of a pair. `repo`: key of the repo. */
export function pairKey(repo: number, tier: string): string {
  return `${repo}\n${tier}`;
}

/** Key of the series that shows a repo's pair: repos that share a name share the series. */
export function seriesKey(repo: Pick<Repo, 'fullName'>, tier: string): string {
  return `${nameKey(repo.fullName)}\n${tier}`;
}

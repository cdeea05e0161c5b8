/** A repo and a tier, and what the ledger holds for the two. */

import { nameKey, type Repo } from '../repo.ts';
import { sumTotals, type Totals } from './ledger.ts';

export interface Pair {
  /** Key of the repo. */
  readonly repo: number;
  readonly tier: string;
  /** Whether the present policy yields it; one that it does not keeps its totals, unseen. */
  readonly isKnown: boolean;
  /** What its own pipelines have added. */
  readonly totals: Totals;
  /** What other repos had added under the same name when they were renamed: the counters of a name never fall. */
  readonly carried?: Totals;
}

/** What the pair adds to the totals of its series. */
export function shownTotals({ totals, carried }: Pair): Totals {
  return carried ? sumTotals(totals, carried) : totals;
}

/** Key of a pair. */
export function pairKey(repo: number, tier: string): string {
  return `${repo}\n${tier}`;
}

/** Key of the series that a repo's pair is shown in: repos that share a name share it. */
export function seriesKey(repo: Pick<Repo, 'fullName'>, tier: string): string {
  return `${nameKey(repo.fullName)}\n${tier}`;
}

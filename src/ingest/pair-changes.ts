/** One transaction's changes to pairs and their totals. Later steps see earlier ones; the state is only read. */

import { addIncidents, sumTotals, type Totals, zeroTotals } from '../core/series/ledger.ts';
import { type Pair, pairKey } from '../core/series/pair.ts';
import type { State } from '../core/series/state.ts';

export interface PairChanges {
  /** The pair, whether the policy yields it or not; `null`: there is none. */
  at(repo: number, tier: string): Pair | null;
  /** Whether the pair exists and the policy yields it. */
  isKnown(repo: number, tier: string): boolean;
  /** Tiers of the repo's pairs, whether the policy yields the pairs or not. */
  tiersOf(repo: number): readonly string[];
  /** Number of pairs, with the changes of this transaction. */
  readonly count: number;
  /** Pairs that have become known in this transaction. */
  newlyKnown(): readonly Pick<Pair, 'repo' | 'tier'>[];
  put(pair: Pair): void;
  /** Adds the pair, not known yet, if it does not exist. */
  reserve(repo: number, tier: string): void;
  /** Makes a pair known; it keeps the totals that it may have had before. */
  makeKnown(repo: number, tier: string): void;
  /** Ends a pair that the policy no longer yields; its totals stay. */
  retire(repo: number, tier: string): void;
  /** Replaces the pair's totals. A new pair is not known yet. */
  putTotals(repo: number, tier: string, totals: Totals): void;
  /** Adds to the totals that the pair carries for repos that shared its name; does nothing without such a pair. */
  carry(repo: number, tier: string, totals: Totals): void;
  /** Adds to the total of the pair's incidents. */
  countIncidents(repo: number, tier: string, count: number): void;
  /** Forgets the pairs of a repo. */
  drop(repo: number): void;
  changed(): readonly Pair[];
}

export function createPairChanges(state: State): PairChanges {
  const changed = new Map<string, Pair>();
  const changedTiers = new Map<number, Set<string>>();
  let added = 0;

  const at = (repo: number, tier: string): Pair | null =>
    changed.get(pairKey(repo, tier)) ?? state.pairs.get(pairKey(repo, tier)) ?? null;
  const put = (pair: Pair): void => {
    if (!at(pair.repo, pair.tier)) added++;
    changed.set(pairKey(pair.repo, pair.tier), pair);
    changedTiers.set(pair.repo, (changedTiers.get(pair.repo) ?? new Set()).add(pair.tier));
  };
  const tiersOf = (repo: number): readonly string[] => [
    ...new Set([...state.tiersOf(repo), ...(changedTiers.get(repo) ?? [])]),
  ];

  return {
    at,
    isKnown: (repo, tier) => at(repo, tier)?.isKnown ?? false,
    tiersOf,
    get count() {
      return state.pairs.size + added;
    },
    newlyKnown: () =>
      [...changed.values()].filter(
        ({ repo, tier, isKnown }) => isKnown && !state.pairs.get(pairKey(repo, tier))?.isKnown,
      ),
    put,
    reserve(repo, tier) {
      if (!at(repo, tier)) put({ repo, tier, totals: zeroTotals, isKnown: false });
    },
    makeKnown(repo, tier) {
      const pair = at(repo, tier);
      if (!pair?.isKnown) put({ totals: zeroTotals, ...pair, repo, tier, isKnown: true });
    },
    retire(repo, tier) {
      const pair = at(repo, tier);
      if (pair?.isKnown) put({ ...pair, isKnown: false });
    },
    putTotals(repo, tier, totals) {
      put({ isKnown: false, ...at(repo, tier), repo, tier, totals });
    },
    carry(repo, tier, totals) {
      const pair = at(repo, tier);
      if (pair) put({ ...pair, carried: sumTotals(pair.carried ?? zeroTotals, totals) });
    },
    countIncidents(repo, tier, count) {
      const pair = at(repo, tier);
      if (pair) put({ ...pair, totals: addIncidents(pair.totals, count) });
    },
    drop(repo) {
      for (const tier of tiersOf(repo)) {
        if (at(repo, tier)) added--;
        changed.delete(pairKey(repo, tier));
      }
      changedTiers.delete(repo);
    },
    changed: () => [...changed.values()],
  };
}

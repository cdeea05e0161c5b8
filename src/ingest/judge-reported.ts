/** Judges again the series of all pairs that have incidents or marks. */

import { retainedSeconds } from '../core/policy.ts';
import { mayBelongToBase } from '../core/series/base-incidents.ts';
import { type Pair, pairKey } from '../core/series/pair.ts';
import type { State } from '../core/series/state.ts';
import type { UnitOfWork } from './unit-of-work.ts';

/**
 * `others`: further pairs, which had some before. `additions`: `settled`: causes found now add nothing to the ledger.
 */
export function judgeReported(
  { state, series, mode, now }: UnitOfWork,
  additions: 'credited' | 'settled',
  others: readonly Pick<Pair, 'repo' | 'tier'>[] = [],
): void {
  for (const { repo, tier } of [...reportedPairs(state), ...others]) {
    const timeline = state.timelines.get(pairKey(repo, tier));
    if (!timeline) continue;
    const since = now - retainedSeconds(mode.policy, tier);
    const incidents = state.incidentsOf(repo, tier).flatMap((entry) => entry.incidents);
    const isLate = incidents.some(
      (one) => (one.end === null || one.end > since) && mayBelongToBase(timeline, one),
    );
    // The base adds nothing to the ledger: only a whole series does.
    if (isLate) series.rebuild(repo, tier);
    else series.foldAgain(repo, tier);
    if (additions === 'settled') series.settle(repo, tier);
  }
}

/** Pairs that have an incident or a mark; an incident of a shared name counts for each repo that has the name. */
export function reportedPairs(state: State): readonly Pair[] {
  const found = new Set<string>();
  for (const { place } of state.incidents.entries()) {
    if (!place) continue;
    const { name, tier, boundTo } = place;
    const keys = boundTo === null ? state.reposByName(name).map(({ key }) => key) : [boundTo];
    for (const key of keys) found.add(pairKey(key, tier));
  }
  for (const { repo, tier } of state.marks.values()) found.add(pairKey(repo, tier));
  return [...found].flatMap((key) => state.pairs.get(key) ?? []);
}

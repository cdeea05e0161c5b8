/** Judges again the series of all pairs that have incidents or marks. */

import { retainedSeconds } from '../core/policy.ts';
import type { Pair } from '../core/series/pair.ts';
import type { UnitOfWork } from './unit-of-work.ts';

/**
 * `others`: further pairs, which had some before. `additions`: `settled`: causes found now add nothing to the ledger.
 */
export function judgeReported(
  { state, series, mode, now }: UnitOfWork,
  additions: 'credited' | 'settled',
  others: readonly Pick<Pair, 'repo' | 'tier'>[] = [],
): void {
  for (const { repo, tier } of [...state.reportedPairs(), ...others]) {
    const incidents = state.incidentsOf(repo, tier).flatMap((entry) => entry.incidents);
    const since = now - retainedSeconds(mode.policy, tier);
    // An incident that has not ended before may belong to a deployment that is in the base already.
    const late = incidents.filter(({ end }) => end === null || end > since);
    series.foldAgain(repo, tier);
    series.judgeAgain(repo, tier, late);
    if (additions === 'settled') series.settle(repo, tier);
  }
}

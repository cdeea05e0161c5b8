/** The start of a series, before its first deployment, for a replay of its history. */

import { knownGroundOf } from '../core/known-ground.ts';
import { retainedSeconds } from '../core/policy.ts';
import type { Repo } from '../core/repo.ts';
import type { Standing, StandingsOptions } from '../core/series/history-replay.ts';
import { zeroTotals } from '../core/series/ledger.ts';
import type { State } from '../core/series/state.ts';
import { createTimeline } from '../core/series/timeline.ts';
import { type IntakeMode, rulesOf } from './ingest-options.ts';

/** `repos`: all that have the series' name. */
export function startOfSeries(
  state: State,
  mode: IntakeMode,
  repos: readonly Repo[],
  tier: string,
): StandingsOptions {
  const rules = rulesOf(mode, tier);
  return {
    starts: new Map(
      repos.map((repo): [number, Standing] => [
        repo.key,
        { timeline: createTimeline(rules, knownGroundOf(repo)), totals: zeroTotals },
      ]),
    ),
    retainedSeconds: retainedSeconds(mode.policy, tier),
    repos,
    surroundingsOf: (repo, now, owner) => state.surroundingsOf(repo, tier, now, owner),
  };
}

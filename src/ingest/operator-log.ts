/** Log messages for the operator: which pipelines count, which limits are reached, and whether the store works. */

import { cronDominance } from '../core/cron-warning.ts';
import type { State } from '../core/series/state.ts';
import { describeError, type Log } from '../util/log.ts';
import type { TierChange } from './adopt-policy.ts';
import type { Ingest, StoreUnavailable } from './ingest.ts';
import { turnedAwayKinds } from './room.ts';

/** Warns once per kind when its limit turns something away. */
export function warnOfLimits(ingest: Ingest, log: Log): void {
  const advice = {
    repo: 'Repos are turned away: raise DORA_MAX_PAIRS, or watch fewer repos (deployments.repos in the policy)',
    pair: 'Pipelines of further tiers are not counted: raise DORA_MAX_PAIRS',
    incident:
      'Incidents are turned away: too many are reported, or DORA_MAX_PAIRS leaves no room for their repos',
    mark: 'Marks are turned away: there are too many',
    hint: 'Hints are turned away: more pipelines were posted than can be asked for',
  };
  const warned = new Set<string>();
  ingest.subscribe(() => {
    for (const kind of turnedAwayKinds) {
      if (ingest.turnedAway[kind] === 0 || warned.has(kind)) continue;
      warned.add(kind);
      log.warn(advice[kind], { pairs: ingest.state.pairs.size });
    }
  });
}

export function logFault(log: Log, fault: StoreUnavailable | null): void {
  if (fault)
    log.error('Store cannot be written: webhooks are refused until it can', { error: describeError(fault) });
  else log.info('Store can be written again');
}

export function logWhatCounts(log: Log, state: State, policyChange: readonly TierChange[] | null): void {
  for (const { tier, before, after } of policyChange ?? []) {
    log.info('Policy has changed: deployments stored for a tier', { tier, before, after });
  }
  for (const { tier, event, deployments } of state.tally.events()) {
    log.info('Deployments stored', { tier, event, deployments });
  }
  for (const { tier, share, remedy } of cronDominance(state.tally.events())) {
    log.warn('Most deployments of a tier are cron runs: change the policy to exclude them', {
      tier,
      percent: Math.round(share * 100),
      policy: remedy,
    });
  }
}

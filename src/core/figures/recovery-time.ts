/**
 * Failed deployment recovery time: "the time it takes to recover from a deployment that fails and requires immediate
 * intervention" (dora.dev). The first failure after a success opens an episode, the next success closes it; a streak of
 * failures is one episode, timed from its first. A recovery belongs to the moment at which it was reached.
 */

import { earliest, type Figure, nothing } from './figure.ts';
import { longTimeBuckets } from './long-time-buckets.ts';

/** Unix seconds; 0 if nothing is failing. */
export interface Episode {
  /** First failure since the last success. */
  readonly failingSince: number;
  /** The first of them on known ground: where the recovery begins. */
  readonly openedAt: number;
}

const closed: Episode = { failingSince: 0, openedAt: 0 };

export const recoveryTime: Figure<Episode> = {
  initial: () => closed,
  step: (state, deployment) => {
    if (deployment.outcome === 'success') return closed;
    return {
      failingSince: state.failingSince || deployment.at,
      openedAt: state.openedAt || deployment.at,
    };
  },
  stepBeyond: ({ failingSince }, { outcome, at }) =>
    outcome === 'success' ? closed : { failingSince: failingSince || at, openedAt: 0 },
  gauges: [
    {
      name: 'dora_deployment_failing_since_timestamp',
      help: 'First failure since the last success, in Unix seconds; 0 while nothing is failing.',
      value: (state) => state.failingSince,
      combine: earliest,
    },
  ],
  measures: [
    {
      values: ({ openedAt }, { outcome, at }) =>
        outcome === 'success' && openedAt > 0 ? [at - openedAt] : nothing,
      ledger: {
        bit: 8,
        metric: {
          type: 'histogram',
          name: 'dora_deployment_recovery_time_seconds',
          help: 'From the first failed deployment of an episode to the next successful one.',
          buckets: longTimeBuckets,
        },
      },
      window: {
        type: 'distribution',
        name: 'recovery_time_seconds',
        samplesName: 'recovery_time_samples',
        help: 'From the first failed deployment of an episode to the next successful one, of episodes that ended',
      },
    },
  ],
};

/**
 * Failed deployment recovery time: "the time it takes to recover from a deployment that fails and requires immediate
 * intervention" (dora.dev). The first failure after a success opens an episode, the next success closes it; a streak of
 * failures is one episode, timed from its first. A recovery belongs to the moment at which it was reached.
 */

import { earliest, type Figure, nothing } from './figure.ts';
import { longTimeBuckets } from './long-time-buckets.ts';

export interface Episode {
  /** First failure of the open episode, Unix seconds; 0 when none is open. */
  readonly failingSince: number;
}

const closed: Episode = { failingSince: 0 };

export const recoveryTime: Figure<Episode> = {
  initial: () => closed,
  step: (state, deployment) => {
    if (deployment.outcome === 'success') return closed;
    return state.failingSince > 0 ? state : { failingSince: deployment.at };
  },
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
      values: ({ failingSince }, { outcome, at }) =>
        outcome === 'success' && failingSince > 0 ? [at - failingSince] : nothing,
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

/**
 * Failed deployment recovery time: "the time it takes to recover from a deployment that fails and requires immediate
 * intervention" (dora.dev). The first failure after a success opens an episode, the next success closes it; a streak of
 * failures is one episode, timed from its first.
 */

import type { Figure } from './figure.ts';

export interface Episode {
  /** First failure of the open episode, Unix seconds; 0 when none is open. */
  readonly failingSince: number;
}

const closed: Episode = { failingSince: 0 };
const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export const recoveryTime: Figure<Episode> = {
  initial: closed,
  step: (state, deployment) => {
    if (deployment.outcome === 'success') return closed;
    return state.failingSince > 0 ? state : { failingSince: deployment.at };
  },
  gauges: [
    {
      name: 'dora_deployment_failing_since_timestamp',
      help: 'First failure since the last success, in Unix seconds; 0 while nothing is failing.',
      value: (state) => state.failingSince,
    },
  ],
  entries: [
    {
      bit: 8,
      metric: {
        type: 'histogram',
        name: 'dora_deployment_recovery_time_seconds',
        help: 'From the first failed deployment of an episode to the next successful one.',
        buckets: [5 * minute, 15 * minute, hour, 4 * hour, day, 3 * day, 7 * day, 30 * day, 180 * day],
      },
      amount: (before, deployment) =>
        deployment.outcome === 'success' && before.failingSince > 0
          ? deployment.at - before.failingSince
          : null,
    },
  ],
};

/**
 * Failed deployment recovery time: "the time it takes to recover from a deployment that fails and requires immediate
 * intervention" (dora.dev). A failed deployment is an interval from its finish to its end; intervals that overlap or touch
 * are one episode. A recovery belongs to the moment at which its episode ended.
 */

import { earliest, type Figure } from './figure.ts';
import { longTimeBuckets } from './long-time-buckets.ts';

/** First failure beyond known ground since the last success, Unix seconds; 0: none. */
export type BeyondSince = number;

export const recoveryTime: Figure<BeyondSince> = {
  initial: () => 0,
  step: (state, { outcome }) => (outcome === 'success' ? 0 : state),
  stepBeyond: (state, { outcome, at }) => (outcome === 'success' ? 0 : state || at),
  gauges: [
    {
      name: 'dora_deployment_failing_since_timestamp',
      help: 'Start of the open episode of failures, in Unix seconds; 0 while nothing is failing.',
      value: (beyondSince, open) => earliest([beyondSince, open?.start ?? 0]),
      combine: earliest,
    },
  ],
  measures: [],
  episodeMeasures: [
    {
      secondsOf: ({ start, end }) => end - start,
      ledger: {
        bit: 8,
        metric: {
          type: 'histogram',
          name: 'dora_deployment_recovery_time_seconds',
          help: 'From the first failed deployment of an episode to the end of the episode.',
          buckets: longTimeBuckets,
        },
      },
      window: {
        type: 'distribution',
        name: 'recovery_time_seconds',
        samplesName: 'recovery_time_samples',
        help: 'From the first failed deployment of an episode to the end of the episode, of episodes that ended',
      },
    },
  ],
};

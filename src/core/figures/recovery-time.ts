/**
 * Failed deployment recovery time: "the time it takes to recover from a deployment that fails and requires immediate
 * intervention" (dora.dev). A failed deployment is an interval from its finish to its end; intervals that overlap or touch
 * are one episode. A recovery belongs to the moment at which its episode ended.
 */

import { type DistributionMetric, earliest, type Figure } from './figure.ts';
import type { Field, ScoredFigure } from './shown-figure.ts';
import { longTimeBuckets, scoreTime, timeDetail, timeExplanation } from './times.ts';

/** First failure beyond known ground since the last success, Unix seconds; 0: none. */
type BeyondSince = number;

const recoveries: DistributionMetric = {
  type: 'distribution',
  name: 'recovery_time_seconds',
  samplesName: 'recovery_time_samples',
  help: 'From the first failed deployment of an episode to the end of the episode, of episodes that ended',
};

const fields = [
  {
    key: 'recoveryTime',
    json: 'failed_deployment_recovery_time_seconds',
    type: 'time',
    description: 'One sample for each episode that ended',
    read: ({ time }) => time(recoveries),
  },
] as const satisfies readonly Field[];

export const recoveryTime: Figure<BeyondSince> & ScoredFigure<'recovery', typeof fields> = {
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
      window: recoveries,
    },
  ],
  fields,
  name: 'Failed deployment recovery time',
  shortName: 'Recovery time',
  column: { order: 'recovery', words: 'Recovery' },
  unit: 'seconds',
  isMoreBetter: false,
  valueOf: ({ recoveryTime }) => recoveryTime.median,
  detail: ({ recoveryTime }, write) => timeDetail(recoveryTime, 'no recovery in the window', write),
  explanation: ({ recoveryTime }, write) =>
    timeExplanation(recoveryTime, { one: 'recovery', many: 'recoveries' }, write),
  quickCheck: { publishedMean: 7.4, scoreOf: ({ recoveryTime }) => scoreTime(recoveryTime) },
};

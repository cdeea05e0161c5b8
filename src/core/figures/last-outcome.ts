/** Times of the last successful and of the last failed deployment, independent of each other. */

import { type Figure, latest } from './figure.ts';

/** Unix seconds; 0: never. */
export interface LastOutcome {
  readonly success: number;
  readonly failure: number;
}

export const lastOutcome: Figure<LastOutcome> = {
  initial: () => ({ success: 0, failure: 0 }),
  step: ({ success, failure }, { outcome, at }) =>
    outcome === 'success' ? { success: at, failure } : { success, failure: at },
  carry({ success, failure }, later) {
    const [before] = later;
    // A time that went back may come again in the same second.
    if (!before || success < before.success || failure < before.failure) return null;
    return later.map((state) => ({
      success: Math.max(success, state.success),
      failure: Math.max(failure, state.failure),
    }));
  },
  gauges: [
    {
      name: 'dora_deployment_last_success_timestamp',
      help: 'When a deployment last succeeded, in Unix seconds; 0 if none ever did.',
      value: (state) => state.success,
      combine: latest,
    },
    {
      name: 'dora_deployment_last_failure_timestamp',
      help: 'When a deployment last failed, in Unix seconds; 0 if none ever did.',
      value: (state) => state.failure,
      combine: latest,
    },
  ],
  measures: [],
};

/** Duration of a deployment's pipeline, or of its part, from start to end. */

import { type Figure, nothing, stateless } from './figure.ts';

const minute = 60;
const hour = 60 * minute;

export const deploymentDuration: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: (_before, { durationSeconds }) => (durationSeconds === null ? nothing : [durationSeconds]),
      ledger: {
        bit: 32,
        metric: {
          type: 'histogram',
          name: 'dora_deployment_duration_seconds',
          help: "From the start of a deployment's pipeline to its end.",
          buckets: [
            30,
            minute,
            2 * minute,
            5 * minute,
            10 * minute,
            20 * minute,
            30 * minute,
            hour,
            2 * hour,
          ],
        },
      },
    },
  ],
};

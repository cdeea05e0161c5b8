/**
 * Deployment rework rate: "the ratio of deployments that are unplanned but happen as a result of an incident in
 * production" (dora.dev), here deployments that match the policy's rework rules over all.
 */

import { looksForRework } from '../policy.ts';
import { type Figure, nothing, once, stateless } from './figure.ts';

export const reworkRate: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: (_before, { isRework }) => (isRework ? once : nothing),
      ledger: {
        bit: 4,
        metric: {
          type: 'counter',
          isLookedFor: looksForRework,
          name: 'dora_deployment_reworks_total',
          help: "Unplanned repairs: deployments that the policy's rework rules match.",
        },
      },
      window: {
        type: 'count',
        isLookedFor: looksForRework,
        name: 'rework_deployments',
        help: "Unplanned repairs: deployments that the policy's rework rules match",
      },
    },
  ],
};

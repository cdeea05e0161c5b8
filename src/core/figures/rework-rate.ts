/**
 * Deployment rework rate: "the ratio of deployments that are unplanned but happen as a result of an incident in
 * production" (dora.dev), here rollbacks, linked fixes, and deployments that match the policy's
 * rework rules, over all.
 */

import { looksForRework } from '../policy.ts';
import { type Figure, nothing, once, stateless } from './figure.ts';

export const reworkRate: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: (_before, { verdict }) => (verdict.isRework ? once : nothing),
      ledger: {
        bit: 4,
        metric: {
          type: 'counter',
          isLookedFor: looksForRework,
          name: 'dora_deployment_reworks_total',
          help: "Unplanned repairs: rollbacks, linked fixes, and deployments that match the policy's rework rules.",
        },
      },
      window: {
        type: 'count',
        isLookedFor: looksForRework,
        name: 'rework_deployments',
        help: "Unplanned repairs: rollbacks, linked fixes, and deployments that match the policy's rework rules",
      },
    },
  ],
};

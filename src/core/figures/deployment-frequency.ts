/** Deployment frequency: "the number of deployments over a given period" (dora.dev). */

import { type Figure, once, stateless } from './figure.ts';

export const deploymentFrequency: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: () => once,
      ledger: {
        bit: 1,
        metric: {
          type: 'counter',
          name: 'dora_deployments_total',
          help: 'Deployments, successful and failed: ended pipelines that the policy counts.',
        },
      },
      window: { type: 'count', name: 'deployments', help: 'Deployments, successful and failed' },
    },
  ],
};

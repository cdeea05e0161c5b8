/** Deployment frequency: "the number of deployments over a given period" (dora.dev). */

import { type Figure, stateless } from './figure.ts';

export const deploymentFrequency: Figure<null> = {
  ...stateless,
  entries: [
    {
      bit: 1,
      metric: {
        type: 'counter',
        name: 'dora_deployments_total',
        help: 'Deployments, successful and failed: ended pipelines that the policy counts.',
      },
      amount: () => 1,
    },
  ],
};

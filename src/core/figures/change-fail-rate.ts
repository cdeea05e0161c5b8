/**
 * Change fail rate: "the ratio of deployments that require immediate intervention following a deployment" (dora.dev),
 * here failed deployments over all. A failed pipeline stands in for it; it may never have reached users.
 */

import { type Figure, nothing, once, stateless } from './figure.ts';

export const changeFailRate: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: (_before, { outcome }) => (outcome === 'failure' ? once : nothing),
      ledger: {
        bit: 2,
        metric: {
          type: 'counter',
          name: 'dora_deployment_failures_total',
          help: 'Failed deployments: a proxy, since a failed pipeline may never have reached users.',
        },
      },
      window: {
        type: 'count',
        name: 'failed_deployments',
        help: 'Failed deployments: a proxy, since a failed pipeline may never have reached users',
      },
    },
  ],
};

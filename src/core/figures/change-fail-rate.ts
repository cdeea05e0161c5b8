/**
 * Change fail rate: "the ratio of deployments that require immediate intervention following a deployment" (dora.dev),
 * here failed deployments over all. A deployment fails once, however many causes show it.
 */

import type { Deployment } from '../deployment.ts';
import { type Cause, causes } from '../verdict.ts';
import { type Figure, type Measure, nothing, once, stateless } from './figure.ts';

/** Ledger bit of each cause. A bit must never change, since it is stored with each pipeline. */
const bits: Readonly<Record<Cause, number>> = {
  pipeline: 64,
  rollback: 128,
  fix: 256,
  incident: 512,
  operator: 1024,
};

const byCause = 'Failed deployments by cause; a deployment may have several';

/** Whether an incident alone shows the failure, and may still turn out to belong to another deployment. */
function isProvisional({ verdict }: Deployment): boolean {
  return verdict.isProvisional && verdict.causes.length === 1;
}

function measureOf(cause: Cause): Measure<null> {
  return {
    values: (_before, { verdict }) => (verdict.causes.includes(cause) ? once : nothing),
    ledger: {
      bit: bits[cause],
      waits: (_before, { verdict }) => cause === 'incident' && verdict.isProvisional,
      metric: {
        type: 'counter',
        name: 'dora_deployment_failures_by_cause_total',
        cause,
        help: `${byCause}.`,
      },
    },
    window: { type: 'count', name: 'failed_deployments_by_cause', cause, help: byCause },
  };
}

export const changeFailRate: Figure<null> = {
  ...stateless,
  measures: [
    {
      values: (_before, { verdict }) => (verdict.causes.length > 0 ? once : nothing),
      ledger: {
        bit: 2,
        waits: (_before, deployment) => isProvisional(deployment),
        metric: {
          type: 'counter',
          name: 'dora_deployment_failures_total',
          help: 'Failed deployments, each once, however many causes it has.',
        },
      },
      window: {
        type: 'count',
        name: 'failed_deployments',
        help: 'Failed deployments, each once, however many causes it has',
      },
    },
    ...causes.map(measureOf),
  ],
};

/**
 * Change fail rate: "the ratio of deployments that require immediate intervention following a deployment" (dora.dev),
 * here failed deployments over all. A deployment fails once, however many causes show it.
 */

import type { Deployment } from '../deployment.ts';
import { mapRecord } from '../map-record.ts';
import { type Cause, causes } from '../verdict.ts';
import { deploymentCount } from './deployment-frequency.ts';
import { type CountMetric, type Figure, type Measure, nothing, once, stateless } from './figure.ts';
import { scoreShare, shareDetail, shareExplanation, shareOf } from './shares.ts';
import type { Field, ScoredFigure } from './shown-figure.ts';

/** Ledger bit of each cause. A bit must never change, since it is stored with each pipeline. */
const bits: Readonly<Record<Cause, number>> = {
  pipeline: 64,
  rollback: 128,
  fix: 256,
  incident: 512,
  operator: 1024,
};

const failures: CountMetric = {
  type: 'count',
  name: 'failed_deployments',
  help: 'Failed deployments, each once, however many causes it has',
};

const byCause = 'Failed deployments by cause; a deployment may have several';

const failuresBy = mapRecord(bits, (_bit, cause): CountMetric => {
  return { type: 'count', name: 'failed_deployments_by_cause', cause, help: byCause };
});

const fields = [
  {
    key: 'failedDeployments',
    json: 'failed_deployments',
    type: 'count',
    read: ({ count }) => count(failures),
  },
  {
    key: 'failedByCause',
    json: 'failed_deployments_by_cause',
    type: 'countByCause',
    description: 'A deployment may have several causes; causes without deployments are omitted',
    read: ({ count }) =>
      Object.fromEntries(
        causes.map((cause) => [cause, count(failuresBy[cause])] as const).filter(([, failed]) => failed > 0),
      ),
  },
  {
    key: 'changeFailRate',
    json: 'change_fail_rate',
    type: 'ratio',
    description: 'Failed over all deployments; null without a deployment',
    read: ({ count }) => shareOf(count(failures), count(deploymentCount)),
  },
] as const satisfies readonly Field[];

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
    window: failuresBy[cause],
  };
}

export const changeFailRate: Figure<null> & ScoredFigure<'fail_rate', typeof fields> = {
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
      window: failures,
    },
    ...causes.map(measureOf),
  ],
  fields,
  name: 'Change fail rate',
  shortName: 'Change fail rate',
  column: { order: 'fail_rate', words: 'Fail rate' },
  unit: 'ratio',
  isMoreBetter: false,
  valueOf: ({ changeFailRate }) => changeFailRate,
  detail: ({ failedDeployments, deployments }) => shareDetail(failedDeployments, deployments, 'failed'),
  explanation: ({ failedDeployments, deployments }) =>
    shareExplanation(failedDeployments, deployments, 'failed'),
  quickCheck: { publishedMean: 8.1, scoreOf: ({ changeFailRate }) => scoreShare(changeFailRate) },
};

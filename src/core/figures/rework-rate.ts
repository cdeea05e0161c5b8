/**
 * Deployment rework rate: "the ratio of deployments that are unplanned but happen as a result of an incident in
 * production" (dora.dev), here rollbacks, linked fixes, and deployments that match the policy's
 * rework rules, over all.
 */

import { looksForRework } from '../policy.ts';
import { deploymentCount } from './deployment-frequency.ts';
import { type CountMetric, type Figure, nothing, once, stateless } from './figure.ts';
import { scoreShare, shareDetail, shareExplanation, shareOf } from './shares.ts';
import type { Field, ScoredFigure, WindowReader } from './shown-figure.ts';

const reworks: CountMetric = {
  type: 'count',
  isLookedFor: looksForRework,
  name: 'rework_deployments',
  help: "Unplanned repairs: rollbacks, linked fixes, and deployments that match the policy's rework rules",
};

function countReworks({ count, isLookedFor }: WindowReader): number | null {
  return isLookedFor(reworks) ? count(reworks) : null;
}

const fields = [
  {
    key: 'reworkDeployments',
    json: 'rework_deployments',
    type: 'countOrNull',
    description: 'null if the policy does not look for rework',
    read: countReworks,
  },
  {
    key: 'reworkRate',
    json: 'deployment_rework_rate',
    type: 'ratio',
    description:
      'Unplanned repairs over all; null without a deployment, or if the policy does not look for rework',
    read(window) {
      const count = countReworks(window);
      return count === null ? null : shareOf(count, window.count(deploymentCount));
    },
  },
] as const satisfies readonly Field[];

export const reworkRate: Figure<null> & ScoredFigure<'rework', typeof fields> = {
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
      window: reworks,
    },
  ],
  fields,
  name: 'Deployment rework rate',
  shortName: 'Rework rate',
  column: { order: 'rework', words: 'Rework' },
  unit: 'ratio',
  isMoreBetter: false,
  valueOf: ({ reworkRate }) => reworkRate,
  detail: ({ reworkDeployments: part, deployments }) =>
    part === null ? 'the policy does not look for it' : shareDetail(part, deployments, 'unplanned'),
  explanation: ({ reworkDeployments: part, deployments }) =>
    part === null ? 'the policy has no rules for it' : shareExplanation(part, deployments, 'unplanned'),
  quickCheck: { publishedMean: 7.8, scoreOf: ({ reworkRate }) => scoreShare(reworkRate) },
};

/** Deployment frequency: "the number of deployments over a given period" (dora.dev). */

import { type CountMetric, type Figure, once, stateless } from './figure.ts';
import { type Class, day, month, scoreClass, week } from './quick-check.ts';
import type { Field, ScoredFigure } from './shown-figure.ts';

export const deploymentCount: CountMetric = {
  type: 'count',
  name: 'deployments',
  help: 'Deployments, successful and failed',
};

const fields = [
  {
    key: 'deployments',
    json: 'deployments',
    type: 'count',
    description: 'Deployment frequency: deployments in the window, successful and failed',
    read: ({ count }) => count(deploymentCount),
  },
  {
    key: 'deploymentsPerDay',
    json: 'deployments_per_day',
    type: 'rate',
    description: 'Over the known part of the window; null if that is less than a day',
    read: ({ knownDeployments, knownSeconds }) =>
      knownSeconds < day ? null : (knownDeployments * day) / knownSeconds,
  },
] as const satisfies readonly Field[];

const halfYear = 6 * month;

/** Classes of deployments per second, the best first. */
export const frequencyClasses: readonly Class[] = [
  { number: 6, words: 'On demand (multiple deploys per day)', holds: (rate) => rate >= 2 / day },
  { number: 5, words: 'Between once per hour and once per day', holds: (rate) => rate >= 1 / day },
  { number: 4, words: 'Between once per day and once per week', holds: (rate) => rate >= 1 / week },
  { number: 3, words: 'Between once per week and once per month', holds: (rate) => rate >= 1 / month },
  {
    number: 2,
    words: 'Between once per month and once every six months',
    holds: (rate) => rate >= 1 / halfYear,
  },
  { number: 1, words: 'Less than once per six months', holds: () => true },
];

export const deploymentFrequency: Figure<null> & ScoredFigure<'deployments', typeof fields> = {
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
      window: deploymentCount,
    },
  ],
  fields,
  name: 'Deployment frequency',
  shortName: 'Deployment frequency',
  column: { order: 'deployments', words: 'Deployments' },
  unit: 'perDay',
  isMoreBetter: true,
  valueOf: ({ deploymentsPerDay }) => deploymentsPerDay,
  countOf: ({ deployments }) => deployments,
  detail({ deployments, deploymentsPerDay }) {
    const noun = deployments === 1 ? 'deployment' : 'deployments';
    return deploymentsPerDay === null ? `${noun}, known for less than a day` : `${deployments} ${noun}`;
  },
  explanation: ({ deployments, deploymentsPerDay }, _write, { name }) =>
    `in ${name}${deployments > 1 && deploymentsPerDay !== null ? `: ${howOften(deploymentsPerDay)}` : ''}`,
  quickCheck: {
    publishedMean: 4.8,
    shortWords: {
      6: 'several a day',
      5: 'hourly to daily',
      4: 'daily to weekly',
      3: 'weekly to monthly',
      2: 'monthly to half-yearly',
      1: 'less than half-yearly',
    },
    /** An empty window that is shorter than six months has no score, since several classes are true of it. */
    scoreOf({ deployments, deploymentsPerDay, coverage }, { seconds }) {
      const isKnown = coverage === 1 && deploymentsPerDay !== null;
      if (!isKnown || (deployments === 0 && seconds < halfYear)) return null;
      return scoreClass(frequencyClasses, deployments / seconds);
    },
  },
};

function howOften(perDay: number): string {
  if (perDay >= 1) return `${Number(perDay.toFixed(1))} a day`;
  const perWeek = perDay * 7;
  return perWeek >= 1 ? `${Number(perWeek.toFixed(1))} a week` : `one every ${Math.round(1 / perDay)} days`;
}

/**
 * Change lead time: "the amount of time it takes for a change to go from committed to version control to deployed in
 * production" (dora.dev). Each commit has one lead time per tier: from the commit (the committer's date) to the finish
 * of the first successful deployment that delivers it. Merge commits are left out; a negative time counts as 0.
 */

import { carryCommits, noCommits, shareTable } from '../commit-set.ts';
import { afterDeployment, afterDeploymentBeyond, type Delivered, deliveryOf } from './delivery.ts';
import { type DistributionMetric, type Figure, nothing, once } from './figure.ts';
import type { Field, ScoredFigure } from './shown-figure.ts';
import { longTimeBuckets, scoreTime, timeDetail, timeExplanation } from './times.ts';

/** Ledger bit of lead times, known or unknown: a deployment counts only as one of the two. */
export const leadTimeBit = 16;

/** As long as an answer for an earlier deployment is missing, that one may turn out to have delivered the commit. */
const isIncomplete = ({ pending }: Delivered): boolean => pending > 0;

const leadTimes: DistributionMetric = {
  type: 'distribution',
  name: 'change_lead_time_seconds',
  samplesName: 'change_lead_time_samples',
  help: 'From a commit to the end of the successful deployment that first brought it to the tier',
};

const fields = [
  {
    key: 'changeLeadTime',
    json: 'change_lead_time_seconds',
    type: 'time',
    description: 'One sample for each commit with a known lead time',
    read: ({ time }) => time(leadTimes),
  },
] as const satisfies readonly Field[];

export const changeLeadTime: Figure<Delivered> & ScoredFigure<'lead_time', typeof fields> = {
  initial: (rules) => ({ rules, commit: null, commits: noCommits, pending: 0 }),
  step: afterDeployment,
  stepBeyond: afterDeploymentBeyond,
  share(earlier, later) {
    const commits = shareTable(earlier.commits, later.commits);
    return commits === earlier.commits ? earlier : { ...earlier, commits };
  },
  carry(state, later) {
    const [before] = later;
    if (!before || state.commit !== before.commit) return null;
    // Deployments that waited for the last missing answer may count now.
    if (before.pending > 0 && state.pending === 0) return null;
    const commits = carryCommits(
      state.commits,
      later.map((one) => one.commits),
    );
    const more = state.pending - before.pending;
    return (
      commits &&
      later.map((one, place) => ({
        ...one,
        commits: commits[place] ?? noCommits,
        pending: one.pending + more,
      }))
    );
  },
  gauges: [],
  measures: [
    {
      values: (before, deployment) => {
        const delivery = deliveryOf(before, deployment);
        return delivery?.kind === 'known'
          ? delivery.commits.map(({ leadTimeSeconds }) => leadTimeSeconds)
          : nothing;
      },
      ledger: {
        bit: leadTimeBit,
        waits: isIncomplete,
        metric: {
          type: 'histogram',
          name: 'dora_change_lead_time_seconds',
          help: 'From a commit to the end of the successful deployment that first brought it to the tier.',
          buckets: longTimeBuckets,
        },
      },
      window: leadTimes,
    },
    {
      values: (before, deployment) => (deliveryOf(before, deployment)?.kind === 'unknown' ? once : nothing),
      ledger: {
        bit: leadTimeBit,
        waits: isIncomplete,
        metric: {
          type: 'counter',
          name: 'dora_change_lead_time_unknown_total',
          help: 'Successful deployments whose lead time could not be found.',
        },
      },
    },
  ],
  fields,
  name: 'Change lead time',
  shortName: 'Change lead time',
  column: { order: 'lead_time', words: 'Lead time' },
  unit: 'seconds',
  isMoreBetter: false,
  valueOf: ({ changeLeadTime }) => changeLeadTime.median,
  detail: ({ changeLeadTime }, write) => timeDetail(changeLeadTime, 'no commit with a known time', write),
  explanation: ({ changeLeadTime }, write) =>
    timeExplanation(changeLeadTime, { one: 'commit', many: 'commits' }, write),
  quickCheck: { publishedMean: 5.5, scoreOf: ({ changeLeadTime }) => scoreTime(changeLeadTime) },
};

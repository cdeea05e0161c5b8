/**
 * Change lead time: "the amount of time it takes for a change to go from committed to version control to deployed in
 * production" (dora.dev). Each commit has one lead time per tier: from the commit (the committer's date) to the finish
 * of the first successful deployment that delivers it. Merge commits are left out; a negative time counts as 0.
 *
 * A deployment delivers the commits between the one deployed before it and its own, as the forge reports them; the
 * first deployment of a tier delivers its own commit. If the forge does not know them, or no forge is configured, the
 * deployment's own commit represents all of them. Its time is then the one that a step reported, else, if the policy
 * says so, the creation of the commit's first pipeline. Without these the lead time is unknown, and counts as unknown.
 *
 * A commit that was delivered once never counts again, even if its lead time was unknown.
 */

import type { CommitRange } from '../commit-range.ts';
import {
  type CommitKey,
  type CommitSet,
  carryCommits,
  commitKey,
  hasCommit,
  noCommits,
  shareTable,
  withCommits,
} from '../commit-set.ts';
import type { Deployment } from '../deployment.ts';
import { createKeptBeside } from '../kept-beside.ts';
import { type DistributionMetric, type Figure, type FigureRules, nothing, once } from './figure.ts';
import type { Field, ScoredFigure } from './shown-figure.ts';
import { longTimeBuckets, scoreTime, timeDetail, timeExplanation } from './times.ts';

/** Ledger bit of lead times, known or unknown: a deployment counts only as one of the two. */
export const leadTimeBit = 16;

/** The commit that was deployed last, and all commits that were delivered so far. */
export interface Delivered {
  readonly rules: FigureRules;
  /** Commit of the last successful deployment, empty if unknown; `null` before the first. */
  readonly commit: string | null;
  /** All delivered commits. Commits older than the first deployment's enter when a later deployment removes them. */
  readonly commits: CommitSet;
  /** Number of deployments for which the forge's answer is missing. */
  readonly pending: number;
}

export interface DeliveredCommit {
  /** Empty if a step reported a time and no commit. */
  readonly id: string;
  readonly leadTimeSeconds: number;
}

/** The commits that a successful deployment delivers. `source`: the source of their times. */
export type Delivery =
  | {
      readonly kind: 'known';
      readonly source: 'forge' | 'report' | 'pipeline';
      readonly commits: readonly DeliveredCommit[];
    }
  /** Its commit was delivered before: a restart, or a rollback. */
  | { readonly kind: 'nothing_new' }
  /** The forge's answer is missing. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'unknown' };

/** The delivery of a deployment; `null` if that failed. `before`: the state just before it. */
export function deliveryOf(before: Delivered, deployment: Deployment): Delivery | null {
  const { commit, at, change } = deployment;
  if (deployment.outcome !== 'success') return null;
  if (isDeliveredAlready(before, commit)) return { kind: 'nothing_new' };
  const leadTimeSeconds = (since: number) => Math.max(0, at - since);
  const isLookedUp = isChangeFrom(before, deployment);
  if (isLookedUp && change?.range) {
    const keys = keysOf(change.range).added;
    const commits = change.range.added
      .filter(({ isMerge }, index) => !isMerge && !hasCommit(before.commits, keys[index] ?? 0))
      .map(({ id, committedAt }) => ({ id, leadTimeSeconds: leadTimeSeconds(committedAt) }));
    return { kind: 'known', source: 'forge', commits };
  }
  if (isForTheForge(before, commit) && !isLookedUp) return { kind: 'pending' };
  if (deployment.committedAt !== null) {
    const commits = [{ id: commit, leadTimeSeconds: leadTimeSeconds(deployment.committedAt) }];
    return { kind: 'known', source: 'report', commits };
  }
  if (before.rules.leadTimeFallback === 'created' && deployment.firstSeenAt !== null) {
    const commits = [{ id: commit, leadTimeSeconds: leadTimeSeconds(deployment.firstSeenAt) }];
    return { kind: 'known', source: 'pipeline', commits };
  }
  return { kind: 'unknown' };
}

/** The part of the state that decides whether the next deployment needs the forge. */
export type LastCommit = Pick<Delivered, 'rules' | 'commit'>;

/** The two commits that the forge must compare for a deployment; `null`: none. `base` is `null` for the first one. */
export function lookupFor(
  before: LastCommit,
  deployment: Deployment,
): { readonly base: string | null; readonly head: string } | null {
  const { commit } = deployment;
  const asks = deployment.outcome === 'success' && isForTheForge(before, commit);
  // A rollback needs the forge, too: the commits that it removes must not count when they are deployed again.
  if (!asks || commit === before.commit || isChangeFrom(before, deployment)) return null;
  return { base: before.commit, head: commit };
}

/** The last commit after one more deployment. */
export function lastCommitAfter(before: LastCommit, { outcome, commit }: Deployment): LastCommit {
  return outcome === 'success' ? { rules: before.rules, commit } : before;
}

function isDeliveredAlready({ commit: deployed, commits }: Delivered, commit: string): boolean {
  return commit !== '' && (commit === deployed || hasCommit(commits, commitKey(commit)));
}

/** Whether the forge can compare with `commit`: a forge is configured, and both commits are known. */
function isForTheForge({ rules, commit: deployed }: LastCommit, commit: string): boolean {
  return rules.asksForge && deployed !== '' && commit !== '';
}

/** Whether the forge has compared the deployment with the commit that was deployed before it. */
function isChangeFrom({ commit: deployed }: LastCommit, { change, commit }: Deployment): boolean {
  return change !== null && change.base === deployed && change.head === commit;
}

function step(state: Delivered, deployment: Deployment): Delivered {
  const { commit, change } = deployment;
  if (deployment.outcome !== 'success' || commit === state.commit) return state;
  const range = isChangeFrom(state, deployment) ? (change?.range ?? null) : null;
  const pending = lookupFor(state, deployment) === null ? state.pending : state.pending + 1;
  const commits = range
    ? withCommits(withCommits(state.commits, keysOf(range).added), keysOf(range).removed)
    : state.commits;
  return { rules: state.rules, commit, commits: withCommit(commits, commit), pending };
}

/**
 * Between a deployment beyond known ground and the first one on it, unknown deployments may have delivered commits. So
 * the first one on known ground counts as the first of its tier, and delivers its own commit unless that was deployed
 * before.
 */
function stepBeyond(state: Delivered, { outcome, commit }: Deployment): Delivered {
  return outcome === 'success' ? { ...state, commits: withCommit(state.commits, commit) } : state;
}

function withCommit(commits: CommitSet, commit: string): CommitSet {
  return commit === '' ? commits : withCommits(commits, [commitKey(commit)]);
}

interface RangeKeys {
  readonly added: readonly CommitKey[];
  readonly removed: readonly CommitKey[];
}

/** A cache: a range is read whenever its deployment is folded again. */
const rangeKeys = createKeptBeside<CommitRange, RangeKeys>('keys');

function keysOf(range: CommitRange): RangeKeys {
  const known = rangeKeys.get(range);
  if (known) return known;
  const keys = { added: range.added.map(({ id }) => commitKey(id)), removed: range.removed.map(commitKey) };
  rangeKeys.set(range, keys);
  return keys;
}

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
  step,
  stepBeyond,
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

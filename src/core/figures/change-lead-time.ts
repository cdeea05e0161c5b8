/**
 * Change lead time: "the amount of time it takes for a change to go from committed to version control to deployed in
 * production" (dora.dev). For each commit that a successful deployment is the first to bring to its tier, from the
 * commit (the committer's date) to the deployment's finish. Merge commits are left out; a negative time counts as 0.
 *
 * A deployment brings everything between the commit deployed before it and its own, as the forge reports; the first one of
 * a tier brings its own commit. If the forge cannot tell, or none is asked, the deployment's own commit stands for all of
 * them: with the time that a step reported, else, if the policy says so, with the creation of that commit's first
 * pipeline. With none of these its lead time is unknown, and counted as such.
 *
 * What was delivered once never counts again, whoever reported it, and also if its lead time was unknown.
 */

import type { CommitRange } from '../commit-range.ts';
import {
  type CommitKey,
  type CommitSet,
  commitKey,
  hasCommit,
  noCommits,
  shareTable,
  withCommits,
} from '../commit-set.ts';
import type { Deployment } from '../deployment.ts';
import { type Figure, type FigureRules, nothing, once } from './figure.ts';
import { longTimeBuckets } from './long-time-buckets.ts';

/** Ledger bit of a lead time, known or unknown: what was counted as one is never counted as the other. */
export const leadTimeBit = 16;

/** What is deployed, and what was before. */
export interface Delivered {
  readonly rules: FigureRules;
  /** Commit of the last successful deployment, empty if unknown; `null` before the first. */
  readonly commit: string | null;
  /** Every commit that was delivered. Those before the first one's are in it once a deployment has taken them away. */
  readonly commits: CommitSet;
  /** How many deployments the forge is still to be asked for. */
  readonly pending: number;
}

export interface DeliveredCommit {
  /** Empty where a report told a time and no commit. */
  readonly id: string;
  readonly leadTimeSeconds: number;
}

/** What a successful deployment brings. `source`: where the times come from. */
export type Delivery =
  | {
      readonly kind: 'known';
      readonly source: 'forge' | 'report' | 'pipeline';
      readonly commits: readonly DeliveredCommit[];
    }
  /** A commit that was delivered before: a restart, or the way back to it. */
  | { readonly kind: 'nothing_new' }
  /** The forge is still to be asked. */
  | { readonly kind: 'pending' }
  | { readonly kind: 'unknown' };

/** What a deployment brings; `null` for one that failed. */
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

/** What decides whether the forge is asked for the next deployment. */
export type LastCommit = Pick<Delivered, 'rules' | 'commit'>;

/** What the forge is to be asked for a deployment; `null`: nothing. */
export function lookupFor(
  before: LastCommit,
  deployment: Deployment,
): { readonly base: string | null; readonly head: string } | null {
  const { commit } = deployment;
  const asks = deployment.outcome === 'success' && isForTheForge(before, commit);
  // One that brings nothing is asked for too: what it takes away must not be counted when it comes again.
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

/** Whether the forge is asked for the step to `commit`: not if one of its ends is unknown. */
function isForTheForge({ rules, commit: deployed }: LastCommit, commit: string): boolean {
  return rules.asksForge && deployed !== '' && commit !== '';
}

/** Whether what the forge reported of a deployment is about the step from what was deployed before it. */
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
 * What lies between a deployment beyond known ground and the next known one is unknown: others may have delivered it. So
 * the first known one is the first of its tier, and its own commit counts, unless it was deployed beyond.
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

/** Each range is read many times: whenever its window is folded again. */
const rangeKeys = new WeakMap<CommitRange, RangeKeys>();

function keysOf(range: CommitRange): RangeKeys {
  const known = rangeKeys.get(range);
  if (known) return known;
  const keys = { added: range.added.map(({ id }) => commitKey(id)), removed: range.removed.map(commitKey) };
  rangeKeys.set(range, keys);
  return keys;
}

/** Until the forge was asked for all that came before, a commit may turn out to be delivered already. */
const isIncomplete = ({ pending }: Delivered): boolean => pending > 0;

export const changeLeadTime: Figure<Delivered> = {
  initial: (rules) => ({ rules, commit: null, commits: noCommits, pending: 0 }),
  step,
  stepBeyond,
  share(earlier, later) {
    const commits = shareTable(earlier.commits, later.commits);
    return commits === earlier.commits ? earlier : { ...earlier, commits };
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
      window: {
        type: 'distribution',
        name: 'change_lead_time_seconds',
        samplesName: 'change_lead_time_samples',
        help: 'From a commit to the end of the successful deployment that first brought it to the tier',
      },
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
};

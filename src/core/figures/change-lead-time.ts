/**
 * Change lead time: "the amount of time it takes for a change to go from committed to version control to deployed in
 * production" (dora.dev). For each commit that a successful deployment is the first to bring to its tier, from the
 * commit (the committer's date) to the deployment's finish. Merge commits are left out; less than nothing counts as 0.
 *
 * What a deployment brings is everything between the commit deployed before it and its own, as the forge tells; the
 * first one of a tier brings its own commit. Where the forge cannot tell, or none is asked, the deployment's own commit
 * stands for all of them: with the time that a step reported, else, if the policy says so, with the creation of that
 * commit's first pipeline. With none of these its lead time is unknown, and counted as such.
 */

import type { Deployment } from '../deployment.ts';
import { emptySet, type GrowingSet, isIn, withTexts } from '../persistent-set.ts';
import { type Figure, type FigureRules, nothing, once } from './figure.ts';
import { longTimeBuckets } from './long-time-buckets.ts';

/** Ledger bit of a lead time, known or unknown: what was counted as one is never counted as the other. */
export const leadTimeBit = 16;

/** What is deployed, and what was before. */
export interface Delivered {
  readonly rules: FigureRules;
  /** Commit of the last successful deployment, empty where nobody told it; `null` before the first. */
  readonly commit: string | null;
  /** Commits that were delivered once and may not be reachable from that one. */
  readonly earlier: GrowingSet;
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
    const commits = change.range.added
      .filter(({ id, isMerge }) => !isMerge && !isIn(before.earlier, id))
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

/** What the forge is to be asked for a deployment; `null` where there is nothing to ask. */
export function lookupFor(
  before: Delivered,
  deployment: Deployment,
): { readonly base: string | null; readonly head: string } | null {
  const { commit } = deployment;
  const asks = deployment.outcome === 'success' && isForTheForge(before, commit);
  // One that brings nothing is asked for too: what it takes away must not be counted when it comes again.
  if (!asks || commit === before.commit || isChangeFrom(before, deployment)) return null;
  return { base: before.commit, head: commit };
}

function isDeliveredAlready({ commit: deployed, earlier }: Delivered, commit: string): boolean {
  return commit !== '' && (commit === deployed || isIn(earlier, commit));
}

/** Whether the step to `commit` is one that a forge is asked for: not from or to a commit that nobody told. */
function isForTheForge({ rules, commit: deployed }: Delivered, commit: string): boolean {
  return rules.asksForge && deployed !== '' && commit !== '';
}

/** Whether what the forge told of a deployment is about the step from what was deployed before it. */
function isChangeFrom({ commit: deployed }: Delivered, { change, commit }: Deployment): boolean {
  return change !== null && change.base === deployed && change.head === commit;
}

function step(state: Delivered, deployment: Deployment): Delivered {
  const { commit, change } = deployment;
  if (deployment.outcome !== 'success' || commit === state.commit) return state;
  if (isChangeFrom(state, deployment) && change?.range) {
    return { ...state, commit, earlier: withTexts(state.earlier, change.range.removed) };
  }
  // What leads from one to the other is not known: all that is sure to have been delivered are the two. Where no forge
  // is asked, a commit without a time is not worth the memory: it would be every one that was ever deployed.
  const { asksForge } = state.rules;
  const isCounted = deliveryOf(state, deployment)?.kind === 'known';
  const delivered = [...(asksForge ? [state.commit ?? ''] : []), ...(asksForge || isCounted ? [commit] : [])];
  const told = delivered.filter((id) => id !== '');
  return { ...state, commit, earlier: withTexts(state.earlier, told) };
}

export const changeLeadTime: Figure<Delivered> = {
  initial: (rules) => ({ rules, commit: null, earlier: emptySet }),
  step,
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
        metric: {
          type: 'counter',
          name: 'dora_change_lead_time_unknown_total',
          help: 'Successful deployments whose lead time could not be found.',
        },
      },
    },
  ],
};

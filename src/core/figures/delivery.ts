/**
 * The commits that a deployment delivers: those between the deployment before it and its own, as the forge reports them;
 * the first deployment of a tier delivers its own commit. If the forge does not know them, or no forge is configured, the
 * deployment's own commit represents all of them. Its time is then the one that a step reported, else, if the policy
 * says so, the creation of the commit's first pipeline. Without these the lead time is unknown, and counts as unknown.
 *
 * A commit that was delivered once never counts again, even if its lead time was unknown.
 */

import type { CommitRange } from '../commit-range.ts';
import { type CommitKey, type CommitSet, commitKey, hasCommit, withCommits } from '../commit-set.ts';
import type { Deployment } from '../deployment.ts';
import { createKeptBeside } from '../kept-beside.ts';
import type { FigureRules } from './figure.ts';

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

/** The state after one more deployment. */
export function afterDeployment(state: Delivered, deployment: Deployment): Delivered {
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
export function afterDeploymentBeyond(state: Delivered, { outcome, commit }: Deployment): Delivered {
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

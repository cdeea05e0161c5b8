/** Finds the deployment that first brought a commit, by an id that may be abbreviated. */

import type { Candidate } from './candidate.ts';
import type { Past } from './deployed-history.ts';

export type FirstDeployment = Pick<Candidate, 'number' | 'at'>;

export interface CommitIndex {
  /** The first successful deployment so far that brought the commit; `null`: unknown, or in the past. */
  firstDeploymentOf(id: string): FirstDeployment | null;
  /** Takes in the next deployment. */
  add(candidate: Candidate): void;
}

const shortestFullId = 40;
/** An abbreviated id has at least as many digits. */
const prefixLength = 7;
const inThePast = null;

export function createCommitIndex(past: Past, deployments: readonly Candidate[]): CommitIndex {
  const firsts = new Map<string, FirstDeployment | null>();
  const byPrefix = new Map<string, string[]>();
  const note = (commit: string, first: FirstDeployment | null): void => {
    const id = commit.toLowerCase();
    if (id === '' || firsts.has(id)) return;
    firsts.set(id, first);
    const prefix = id.slice(0, prefixLength);
    const others = byPrefix.get(prefix);
    if (others) others.push(id);
    else byPrefix.set(prefix, [id]);
  };
  const add = ({ number, at, outcome, commit, change }: Candidate): void => {
    if (outcome !== 'success') return;
    const first = { number, at };
    note(commit, first);
    if (change?.head === commit) for (const { id } of change.range?.added ?? []) note(id, first);
  };
  for (const commit of past.commits.keys()) note(commit, inThePast);
  for (const deployment of deployments) add(deployment);
  return {
    add,
    firstDeploymentOf(id) {
      if (id.length >= shortestFullId) return firsts.get(id) ?? null;
      const ids = byPrefix.get(id.slice(0, prefixLength)) ?? [];
      // Ids are noted in the order of their first deployments.
      const earliest = ids.find((one) => one.startsWith(id));
      return earliest === undefined ? null : (firsts.get(earliest) ?? null);
    },
  };
}

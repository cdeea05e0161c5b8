/** Finds the first deployment of a commit. The id may be abbreviated. */

import type { Candidate } from './candidate.ts';
import type { Past } from './deployed-history.ts';

export type FirstDeployment = Pick<Candidate, 'number' | 'at'>;

export interface CommitIndex {
  /** The first successful deployment that delivered the commit; `null`: unknown, or in the past. */
  firstDeploymentOf(id: string): FirstDeployment | null;
  /** Takes in the next deployment. */
  add(candidate: Candidate): void;
  /** Takes back the last `count` deployments. */
  rewind(count: number): void;
  /** Whether it knows the commit, or another one whose id begins alike. */
  knowsLike(commit: string): boolean;
  /** Takes in a deployment before the last `later` ones. It delivers one commit, which is not known. */
  insert(candidate: Candidate, later: number): void;
}

const shortestFullId = 40;
/** An abbreviated id has at least this many digits. */
const prefixLength = 7;
const inThePast = null;

export function createCommitIndex(past: Past, deployments: readonly Candidate[]): CommitIndex {
  const firsts = new Map<string, FirstDeployment | null>();
  const byPrefix = new Map<string, string[]>();
  /** For each deployment, the ids of which it is the first. */
  const notedByDeployment: (readonly string[])[] = [];
  const note = (commit: string, first: FirstDeployment | null, noted: string[] = []): void => {
    const id = commit.toLowerCase();
    if (id === '' || firsts.has(id)) return;
    firsts.set(id, first);
    noted.push(id);
    const prefix = id.slice(0, prefixLength);
    const others = byPrefix.get(prefix);
    if (others) others.push(id);
    else byPrefix.set(prefix, [id]);
  };
  const noteAll = ({ number, at, outcome, commit, change }: Candidate): string[] => {
    const noted: string[] = [];
    if (outcome !== 'success') return noted;
    const first = { number, at };
    note(commit, first, noted);
    if (change?.head === commit) for (const { id } of change.range?.added ?? []) note(id, first, noted);
    return noted;
  };
  const add = (candidate: Candidate): void => void notedByDeployment.push(noteAll(candidate));
  for (const commit of past.commits.keys()) note(commit, inThePast);
  for (const deployment of deployments) add(deployment);
  return {
    add,
    rewind(count) {
      const from = Math.max(0, notedByDeployment.length - count);
      for (const noted of notedByDeployment.splice(from).toReversed()) {
        for (const id of noted.toReversed()) {
          firsts.delete(id);
          byPrefix.get(id.slice(0, prefixLength))?.pop();
        }
      }
    },
    knowsLike: (commit) => byPrefix.has(commit.toLowerCase().slice(0, prefixLength)),
    insert(candidate, later) {
      notedByDeployment.splice(notedByDeployment.length - later, 0, noteAll(candidate));
    },
    firstDeploymentOf(id) {
      if (id.length >= shortestFullId) return firsts.get(id) ?? null;
      const ids = byPrefix.get(id.slice(0, prefixLength)) ?? [];
      // Ids are noted in the order of their first deployments.
      const earliest = ids.find((one) => one.startsWith(id));
      return earliest === undefined ? null : (firsts.get(earliest) ?? null);
    },
  };
}

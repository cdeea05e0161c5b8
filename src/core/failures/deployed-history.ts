/**
 * Remembers which commits were deployed to a repo and tier, and which of them a rollback undid.
 *
 * A `Past` contains the deployments older than those in memory. It is a value that never changes; a history builds on
 * it without copying it.
 */

import type { Candidate } from './candidate.ts';

/** How a commit was deployed. A later deployment of the commit may repeat this. */
export type Manner = Pick<Candidate, 'event' | 'ref' | 'branch'>;

export interface Past {
  /** By commit, the manners in which it was deployed. */
  readonly commits: ReadonlyMap<string, readonly Manner[]>;
  /** Commits that a rollback undid and that were not deployed again. */
  readonly undone: ReadonlySet<string>;
  /** Commits of the deployments that no rollback undid, in order; an empty string for an unknown commit. */
  readonly standing: readonly string[];
  /** The different lists in `commits`, by their content: nearly all deployments of a repo share a few. */
  readonly manners: ReadonlyMap<string, readonly Manner[]>;
}

export const emptyPast: Past = { commits: new Map(), undone: new Set(), standing: [], manners: new Map() };

export interface DeployedHistory {
  /** `null`: the commit was never deployed, or is unknown. */
  mannersOf(commit: string): readonly Manner[] | null;
  isUndone(commit: string): boolean;
  /** Commit of the last successful deployment; `null` before the first. */
  last(): string | null;
  /** Undoes all commits that were deployed after the last deployment of `commit`. */
  goBackTo(commit: string): void;
  /** Adds a successful deployment. `manners`: the result of `mannersOf` for its commit. */
  add(candidate: Candidate, manners: readonly Manner[] | null): void;
  /** Adds a failed deployment, which changes nothing but the size. */
  skip(): void;
  /** Number of deployments that were added or skipped, without those taken back. */
  readonly size: number;
  /** Takes back the last `count` deployments, and the rollbacks among them. */
  rewind(count: number): void;
  /**
   * Adds the first deployment of a commit before the last `later` deployments. Adds nothing and returns `false` if one
   * of these may undo it. `isClose`: whether one of them, counted from the end (1: the last), is early enough for that.
   */
  insert(candidate: Candidate, later: number, isClose: (fromEnd: number) => boolean): boolean;
  /** The whole history as a value. Copies the past. */
  toPast(): Past;
}

/** The changes by one deployment, kept so that it can be taken back. */
interface Step {
  /** Manners of its commit before it. */
  readonly manners: readonly Manner[] | null;
  /** Commits whose entry in `undone` it changed, with the earlier entry. */
  readonly undone: readonly (readonly [commit: string, before: boolean | undefined])[];
  /** Commits that it removed from the end of `standing`, the last one first. */
  readonly popped: readonly string[];
  /** Number of the past's deployments that it undid. */
  readonly pastPopped: number;
}

/** The step of a deployment of a new commit. Nearly all deployments share it. */
const plainStep: Step = { manners: null, undone: [], popped: [], pastPopped: 0 };

export function createDeployedHistory(past: Past): DeployedHistory {
  const commits = new Map<string, readonly Manner[]>();
  /** Overrides `past.undone`. `false`: the commit was deployed again. */
  const undone = new Map<string, boolean>();
  const standing: string[] = [];
  /** Number of entries in `past.standing` that no later rollback undid. */
  let pastStanding = past.standing.length;
  /** `null`: skipped. */
  const steps: (Step | null)[] = [];
  // The changes by the next deployment so far.
  let changed: [commit: string, before: boolean | undefined][] = [];
  let popped: string[] = [];
  let pastPopped = 0;
  const noteStep = (manners: readonly Manner[] | null): void => {
    if (manners === null && changed.length === 0 && popped.length + pastPopped === 0) {
      steps.push(plainStep);
      return;
    }
    steps.push({ manners, undone: changed, popped, pastPopped });
    changed = [];
    popped = [];
    pastPopped = 0;
  };
  const isUndone = (commit: string): boolean => undone.get(commit) ?? past.undone.has(commit);
  const setUndone = (commit: string, isNow: boolean): void => {
    changed.push([commit, undone.get(commit)]);
    undone.set(commit, isNow);
  };
  const takeBack = (step: Step): void => {
    const commit = standing.pop() ?? '';
    if (step.manners !== null) commits.set(commit, step.manners);
    else commits.delete(commit);
    for (const one of step.popped.toReversed()) standing.push(one);
    pastStanding += step.pastPopped;
    for (const [one, before] of step.undone.toReversed()) {
      if (before === undefined) undone.delete(one);
      else undone.set(one, before);
    }
  };
  const last = (): string | null => standing.at(-1) ?? past.standing[pastStanding - 1] ?? null;
  return {
    mannersOf(commit) {
      if (commit === '') return null;
      return commits.get(commit) ?? (past.commits.size > 0 ? past.commits.get(commit) : undefined) ?? null;
    },
    isUndone,
    last,
    goBackTo(commit) {
      for (let top = last(); top !== null && top !== commit; top = last()) {
        if (top !== '') setUndone(top, true);
        if (standing.pop() === undefined) {
          pastStanding--;
          pastPopped++;
        } else {
          popped.push(top);
        }
      }
    },
    add(candidate, manners) {
      const { commit } = candidate;
      if (commit !== '') {
        if (isUndone(commit)) setUndone(commit, false);
        if (manners === null) commits.set(commit, [candidate]);
        else if (!manners.some((one) => isSameManner(one, candidate)))
          commits.set(commit, [...manners, candidate]);
      }
      standing.push(commit);
      noteStep(manners);
    },
    skip() {
      steps.push(null);
    },
    get size() {
      return steps.length;
    },
    rewind(count) {
      for (let left = count; left > 0; left--) {
        const taken = steps.pop();
        if (taken) takeBack(taken);
      }
    },
    insert(candidate, later, isClose) {
      const { commit, outcome } = candidate;
      const place = steps.length - later;
      if (outcome !== 'success') {
        steps.splice(place, 0, null);
        return true;
      }
      if (commit === '' || commits.has(commit) || past.commits.has(commit)) return false;
      let height = standing.length;
      let lowest = Number.POSITIVE_INFINITY;
      for (let fromEnd = 1; fromEnd <= later; fromEnd++) {
        const step = steps[steps.length - fromEnd];
        if (!step) continue;
        const { manners, popped, pastPopped } = step;
        if (popped.length + pastPopped > 0) lowest = Math.min(lowest, height - 1);
        else if (manners !== null && isClose(fromEnd)) return false;
        height += popped.length - 1;
      }
      // A rollback that reaches down to it would undo it, too.
      if (lowest <= height) return false;
      commits.set(commit, [candidate]);
      standing.splice(height, 0, commit);
      steps.splice(place, 0, plainStep);
      return true;
    },
    toPast() {
      const manners = new Map(past.manners);
      const share = (list: readonly Manner[]): readonly Manner[] => {
        const key = JSON.stringify(list.map(({ event, ref, branch }) => [event, ref, branch]));
        const shared = manners.get(key) ?? list.map(({ event, ref, branch }) => ({ event, ref, branch }));
        manners.set(key, shared);
        return shared;
      };
      const all = new Map(past.commits);
      for (const [commit, list] of commits) all.set(commit, share(list));
      return {
        commits: all,
        undone: new Set([...past.undone, ...undone.keys()].filter((commit) => undone.get(commit) ?? true)),
        standing: [...past.standing.slice(0, pastStanding), ...standing],
        manners,
      };
    },
  };
}

function isSameManner(a: Manner, b: Manner): boolean {
  return a.event === b.event && a.ref === b.ref && a.branch === b.branch;
}

/** A pipeline that counts, reduced to what the figures need of it, and the order in which figures take deployments in. */

import type { Change } from './commit-range.ts';
import type { Mark, Repair, Verdict } from './verdict.ts';

/** How the pipeline, or its part, ended. Causes and marks do not change it. */
export type Outcome = 'success' | 'failure';

/** All times are Unix seconds. */
export interface Deployment {
  /** Key of the repo. */
  readonly repo: number;
  readonly number: number;
  /** Its finish. */
  readonly at: number;
  /** How long after its finish its pipeline ended, in seconds: nobody knew of it before. */
  readonly knownAfterSeconds: number;
  readonly outcome: Outcome;
  readonly startedAt: number | null;
  /** How long it ran; `null` if that cannot be told. */
  readonly durationSeconds: number | null;
  /** Whether the policy's rework rules match it. */
  readonly isRework: boolean;
  /** Id of the commit, never that of a tag object if the forge has resolved it; empty: nobody reported it. */
  readonly commit: string;
  /** `null`: unknown. */
  readonly event: string | null;
  readonly branch: string | null;
  readonly ref: string | null;
  /** Whether it repeats an earlier pipeline. */
  readonly isRestart: boolean;
  /** Commits that its message says it reverts: lower-case hexadecimal, at least seven digits. */
  readonly reverts: readonly string[];
  /** What an operator said of it; `null`: nothing. */
  readonly mark: Mark | null;
  /** When that was made, where a step reported it. */
  readonly committedAt: number | null;
  /** When the repo's first pipeline of that commit was created; `null` where nobody asks, or it is not known. */
  readonly firstSeenAt: number | null;
  /** What the forge told of it. */
  readonly change: Change | null;
  /** Bits of the ledger entries it has added to, or can never add to. */
  readonly credited: number;
  /** Which deployments before it it shows as failed; `null`: none. */
  readonly repair: Repair | null;
  readonly verdict: Verdict;
}

/** When its pipeline had ended, so that it could be known; Unix seconds. */
export function knownAt({ at, knownAfterSeconds }: Pick<Deployment, 'at' | 'knownAfterSeconds'>): number {
  return at + knownAfterSeconds;
}

/** Where a deployment stands among those of its series. */
export type Place = Pick<Deployment, 'at' | 'number' | 'repo'>;

/** Tells the deployments of a tier apart. */
export function identityOf({ repo, number }: Pick<Deployment, 'repo' | 'number'>): string {
  return `${repo}/${number}`;
}

/** Orders by time; what ended in the same second by number, since a later number began later. */
export function compareDeployments(a: Place, b: Place): number {
  return a.at - b.at || a.number - b.number || a.repo - b.repo;
}

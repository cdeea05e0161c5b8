/**
 * A deployment: a pipeline that counts in a tier, reduced to the fields that figures need; and the order of
 * deployments.
 */

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
  /** Seconds from its finish to the end of its pipeline: nobody could know of it before. */
  readonly knownAfterSeconds: number;
  readonly outcome: Outcome;
  readonly startedAt: number | null;
  /** `null`: unknown, see `durationOf`. */
  readonly durationSeconds: number | null;
  /** Whether the policy's rework rules match it. */
  readonly isRework: boolean;
  /** Id of the commit; of a tag object until the forge has resolved it; empty: unknown. */
  readonly commit: string;
  /** `null`: unknown. */
  readonly event: string | null;
  readonly branch: string | null;
  readonly ref: string | null;
  /** Whether it repeats an earlier pipeline. */
  readonly isRestart: boolean;
  /** Ids of the commits that it reverts, according to its message: lower-case hexadecimal, at least seven digits. */
  readonly reverts: readonly string[];
  /** An operator's mark on it; `null`: none. */
  readonly mark: Mark | null;
  /** Time of the commit; `null`: no step reported it. */
  readonly committedAt: number | null;
  /** Creation of the repo's first pipeline of that commit; `null`: unknown, or not needed. */
  readonly firstSeenAt: number | null;
  /** The forge's answer for it; `null`: none yet. */
  readonly change: Change | null;
  /** Bits of the ledger entries it has added to, or can never add to. */
  readonly credited: number;
  /** The earlier deployments that it shows as failed; `null`: none. */
  readonly repair: Repair | null;
  readonly verdict: Verdict;
}

/** Unix seconds at which its pipeline ended: nobody could know of the deployment before. */
export function knownAt({ at, knownAfterSeconds }: Pick<Deployment, 'at' | 'knownAfterSeconds'>): number {
  return at + knownAfterSeconds;
}

/** Unix seconds at which a deployment started; its finish if the start is unknown. */
export function startOf({ startedAt, at }: Pick<Deployment, 'startedAt' | 'at'>): number {
  return startedAt ?? at;
}

/** The position of a deployment in its series. */
export type Place = Pick<Deployment, 'at' | 'number' | 'repo'>;

/** Identifies a deployment within its tier. */
export function identityOf({ repo, number }: Pick<Deployment, 'repo' | 'number'>): string {
  return `${repo}/${number}`;
}

/** Orders by finish, then by number: a pipeline with a higher number was created later. */
export function compareDeployments(a: Place, b: Place): number {
  return a.at - b.at || a.number - b.number || a.repo - b.repo;
}

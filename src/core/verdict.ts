/** The verdict on a deployment, from the deployments, incidents and marks around it. */

import type { Incident } from './incident.ts';

/** Causes of failure, in the order of every list of causes. */
export const causes = ['pipeline', 'rollback', 'fix', 'incident', 'operator'] as const;
export type Cause = (typeof causes)[number];

/** `failed`: an operator saw it fail. `fine`: only its own pipeline can show it as failed. Unix seconds. */
export type Mark =
  | { readonly kind: 'failed'; readonly recoveredAt: number | null }
  | { readonly kind: 'fine' };

/** Numbers of earlier deployments that a deployment shows as failed. Later deployments do not change it. */
export interface Repair {
  /** Rolled back. */
  readonly undoes: number | null;
  /** Named by a revert. */
  readonly reverts: readonly number[];
  /** Repaired by a deployment that matches the rework rules. */
  readonly repairs: number | null;
}

export interface Verdict {
  /** In the order of `causes`; the deployment has failed if there is one. */
  readonly causes: readonly Cause[];
  /** Whether it is an unplanned repair: by the rework rules, as a rollback, or as a linked fix. */
  readonly isRework: boolean;
  /** Numbers of the rollbacks and fixes that show it as failed. */
  readonly shownBy: readonly number[];
  readonly incidents: readonly Incident[];
  /** Whether an incident may still turn out to belong to a pipeline that has not ended: counters wait. */
  readonly isProvisional: boolean;
  /** `null`: it has not failed, or stale alerts alone show that it has. */
  readonly failure: Failure | null;
}

/** The interval of a failure; it begins at the deployment's finish. */
export interface Failure {
  /** Unix seconds; `null`: open. */
  readonly end: number | null;
  readonly endedBy: 'mark' | 'incident' | 'deployment' | null;
  /** Number of the deployment that ended it. */
  readonly repairedBy: number | null;
}

/** Failures of a repo and tier that overlap or touch. `end`: `null` while it is open. Unix seconds. */
export interface Episode {
  readonly start: number;
  readonly end: number | null;
}

export type EndedEpisode = Episode & { readonly end: number };

export function isEnded(episode: Episode): episode is EndedEpisode {
  return episode.end !== null;
}

const none: readonly never[] = [];

/** The verdict on a deployment that has not failed, is no rework, and has no incidents. */
export const fine: Verdict = {
  causes: none,
  isRework: false,
  shownBy: none,
  incidents: none,
  isProvisional: false,
  failure: null,
};

export function isSameVerdict(a: Verdict, b: Verdict): boolean {
  if (a === b) return true;
  return (
    a.isRework === b.isRework &&
    a.isProvisional === b.isProvisional &&
    a.failure?.end === b.failure?.end &&
    a.failure?.endedBy === b.failure?.endedBy &&
    a.failure?.repairedBy === b.failure?.repairedBy &&
    areSame(a.causes, b.causes) &&
    areSame(a.shownBy, b.shownBy) &&
    a.incidents.length === b.incidents.length &&
    a.incidents.every((one, index) => isSameIncident(one, b.incidents[index]))
  );
}

function isSameIncident(a: Incident, b: Incident | undefined): boolean {
  return a.id === b?.id && a.start === b.start && a.end === b.end;
}

function areSame<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

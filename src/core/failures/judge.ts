/**
 * Which deployments of one repo and tier have failed, by which causes, and when each failure was over.
 *
 * A deployment has failed if its pipeline failed, a later deployment goes back behind it or repairs it, an incident
 * belongs to it, or an operator marked it. Guarantees: a pure function of the set of deployments, incidents and marks,
 * and of `now`; it uses nothing that could not be known at `now`.
 */

import type { Candidate } from './candidate.ts';
import { type FixLimits, findFixes } from './fixes.ts';
import { assignIncidents, type Incident, type IncidentLimits } from './incidents.ts';
import { endOf, type Failure } from './recovery.ts';
import { findRollbacks } from './rollbacks.ts';

/** In the order in which they are listed everywhere. */
export const causes = ['pipeline', 'rollback', 'fix', 'incident', 'operator'] as const;
export type Cause = (typeof causes)[number];

/** What is looked for in a tier. */
export interface FailureRules {
  /** Longest time from a deployment to the rollback that undoes it, in seconds; `null`: none is looked for. */
  readonly rollbackSeconds: number | null;
  readonly fix: FixLimits;
  readonly incident: IncidentLimits;
}

export interface Verdict {
  /** In the order of `causes`; the deployment has failed if there is one. */
  readonly causes: readonly Cause[];
  readonly isRework: boolean;
  /** Indexes of the deployments that this one goes back behind, reverts, or repairs by rule. */
  readonly undoes: number | null;
  readonly reverts: readonly number[];
  readonly repairs: number | null;
  readonly incidents: readonly Incident[];
  /** `null`: it has not failed, or stale alerts alone say so. */
  readonly failure: Failure | null;
}

/** `deployments` are in order and finished by `now` (Unix seconds). */
export function judge(
  deployments: readonly Candidate[],
  incidents: readonly Incident[],
  rules: FailureRules,
  now: number,
): readonly Verdict[] {
  const rollbacks = findRollbacks(deployments, rules.rollbackSeconds);
  const fixes = findFixes(deployments, rollbacks, rules.fix);
  const assigned = assignIncidents(deployments, incidents, rules.incident, now);
  const rolledBackBy = invert(rollbacks);
  const fixedBy = invert([...fixes.linked, ...fixes.byRule]);
  const isFine = (index: number) => deployments[index]?.mark?.kind === 'fine';

  const judgeOne = (deployment: Candidate, index: number, nextSuccess: number | null): Verdict => {
    const { outcome, mark } = deployment;
    const shown = <T>(found: readonly T[] | undefined): readonly T[] => (isFine(index) ? [] : (found ?? []));
    const own = shown(assigned.get(index));
    const revealedBy = { rollback: shown(rolledBackBy.get(index)), fix: shown(fixedBy.get(index)) };
    const holds: Readonly<Record<Cause, boolean>> = {
      pipeline: outcome === 'failure',
      rollback: revealedBy.rollback.length > 0,
      fix: revealedBy.fix.length > 0,
      incident: own.length > 0,
      operator: mark?.kind === 'failed',
    };
    const undoes = rollbacks.get(index) ?? null;
    const reverts = fixes.linked.get(index) ?? [];
    const endsWithSuccess = holds.pipeline || holds.operator;
    const found = causes.filter((cause) => holds[cause]);
    return {
      causes: found,
      isRework:
        deployment.isReworkByRule ||
        (undoes !== null && !isFine(undoes)) ||
        reverts.some((failed) => !isFine(failed)),
      undoes,
      reverts,
      repairs: fixes.byRule.get(index) ?? null,
      incidents: own,
      failure:
        found.length === 0
          ? null
          : endOf(deployment, deployments, {
              incidents: own,
              staleSeconds: rules.incident.staleSeconds,
              repairedBy: [...revealedBy.rollback, ...revealedBy.fix],
              nextSuccess: endsWithSuccess ? nextSuccess : undefined,
              now,
            }),
    };
  };

  const verdicts = new Array<Verdict>(deployments.length);
  let nextSuccess: number | null = null;
  for (let index = deployments.length - 1; index >= 0; index--) {
    const deployment = deployments[index] as Candidate;
    verdicts[index] = judgeOne(deployment, index, nextSuccess);
    if (deployment.outcome === 'success') nextSuccess = index;
  }
  return verdicts;
}

/** By index of the failed deployment, the indexes of those that show it, in order. */
function invert(
  shownBy: Iterable<readonly [index: number, failed: number | readonly number[]]>,
): ReadonlyMap<number, readonly number[]> {
  const inverted = new Map<number, number[]>();
  for (const [index, failed] of shownBy) {
    for (const one of typeof failed === 'number' ? [failed] : failed) {
      const others = inverted.get(one);
      if (others) others.push(index);
      else inverted.set(one, [index]);
    }
  }
  return inverted;
}

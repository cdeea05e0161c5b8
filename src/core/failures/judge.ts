/**
 * Which deployments of one repo and tier have failed, by which causes, and when each failure was over.
 *
 * A deployment has failed if its pipeline failed, a later deployment goes back behind it or repairs it, an incident
 * belongs to it, or an operator marked it. Guarantees: a pure function of the set of deployments, incidents and marks,
 * and of `now`; it uses nothing that could not be known at `now`.
 */

import type { Candidate } from './candidate.ts';
import { createCommitIndex } from './commit-index.ts';
import { createDeployedHistory, type Past } from './deployed-history.ts';
import { type Fix, type FixLimits, findFix } from './fixes.ts';
import { assignIncidents, type Incident, type IncidentLimits } from './incidents.ts';
import { endOf, type Failure } from './recovery.ts';
import { findUndone, goesBack } from './rollbacks.ts';

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
  /** Numbers of the deployments that this one goes back behind, reverts, or repairs by rule. */
  readonly undoes: number | null;
  readonly reverts: readonly number[];
  readonly repairs: number | null;
  readonly incidents: readonly Incident[];
  /** `null`: it has not failed, or stale alerts alone say so. */
  readonly failure: Failure | null;
}

/** What is known beside the deployments. `now` in Unix seconds. */
export interface Circumstances {
  /** What was deployed before the first of them. */
  readonly past: Past;
  readonly incidents: readonly Incident[];
  readonly now: number;
}

const noFix: Fix = { reverts: [], repairs: null };

const success: Verdict = {
  causes: [],
  isRework: false,
  undoes: null,
  reverts: [],
  repairs: null,
  incidents: [],
  failure: null,
};

/** `deployments` are in order, and finished by `now`. */
export function judge(
  deployments: readonly Candidate[],
  rules: FailureRules,
  { past, incidents, now }: Circumstances,
): readonly Verdict[] {
  const { rollbacks, fixes } = findRepairs(deployments, rules, past);
  const assigned = assignIncidents(deployments, incidents, rules.incident, now);
  const rolledBackBy = invert([...rollbacks]);
  const fixedBy = invert(
    [...fixes].flatMap(([index, { reverts, repairs }]) =>
      [...reverts, ...(repairs === null ? [] : [repairs])].map((failed) => [index, failed] as const),
    ),
  );
  const isFine = (index: number) => deployments[index]?.mark?.kind === 'fine';
  const numberAt = (index: number): number => (deployments[index] as Candidate).number;

  const judgeOne = (deployment: Candidate, index: number, nextSuccess: number | null): Verdict => {
    const { outcome, mark, isReworkByRule } = deployment;
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
    const { reverts, repairs } = fixes.get(index) ?? noFix;
    const found = causes.filter((cause) => holds[cause]);
    return {
      causes: found,
      isRework:
        isReworkByRule || (undoes !== null && !isFine(undoes)) || reverts.some((failed) => !isFine(failed)),
      undoes: undoes === null ? null : numberAt(undoes),
      reverts: reverts.map(numberAt),
      repairs: repairs === null ? null : numberAt(repairs),
      incidents: own,
      failure:
        found.length === 0
          ? null
          : endOf(deployment, deployments, {
              incidents: own,
              staleSeconds: rules.incident.staleSeconds,
              repairedBy: [...revealedBy.rollback, ...revealedBy.fix],
              nextSuccess: holds.pipeline || holds.operator ? nextSuccess : undefined,
              now,
            }),
    };
  };

  const isPlain = ({ outcome, isReworkByRule, mark }: Candidate, index: number): boolean =>
    outcome === 'success' &&
    !isReworkByRule &&
    mark === null &&
    !rollbacks.has(index) &&
    !fixes.has(index) &&
    !rolledBackBy.has(index) &&
    !fixedBy.has(index) &&
    !assigned.has(index);

  const verdicts = new Array<Verdict>(deployments.length);
  let nextSuccess: number | null = null;
  for (let index = deployments.length - 1; index >= 0; index--) {
    const deployment = deployments[index] as Candidate;
    verdicts[index] = isPlain(deployment, index) ? success : judgeOne(deployment, index, nextSuccess);
    if (deployment.outcome === 'success') nextSuccess = index;
  }
  return verdicts;
}

/** The past after some more deployments. */
export function addToPast(past: Past, deployments: readonly Candidate[], rules: FailureRules): Past {
  return findRepairs(deployments, rules, past).toPast();
}

interface Repairs {
  /** By index of the rollback, the index of the deployment that it undoes. */
  readonly rollbacks: ReadonlyMap<number, number>;
  readonly fixes: ReadonlyMap<number, Fix>;
  readonly toPast: () => Past;
}

function findRepairs(deployments: readonly Candidate[], rules: FailureRules, past: Past): Repairs {
  const rollbacks = new Map<number, number>();
  const fixes = new Map<number, Fix>();
  const { rollbackSeconds, fix: limits } = rules;
  const looksForFixes = limits.linkedSeconds !== null || limits.ruleSeconds !== null;
  if (rollbackSeconds === null && !looksForFixes) return { rollbacks, fixes, toPast: () => past };

  const history = createDeployedHistory(past);
  const commits = createCommitIndex(past, deployments);
  const isRollback = (index: number) => rollbacks.has(index);
  for (const [index, candidate] of deployments.entries()) {
    const { outcome, commit, reverts, isReworkByRule } = candidate;
    if (outcome !== 'success') continue;
    const manners = history.mannersOf(commit);
    if (rollbackSeconds !== null && manners !== null && goesBack(candidate, manners, history)) {
      const undone = findUndone(deployments, index, rollbackSeconds, isRollback);
      if (undone !== null) {
        rollbacks.set(index, undone);
        history.goBackTo(commit);
      }
    }
    if (looksForFixes && manners === null && (reverts.length > 0 || isReworkByRule)) {
      const fix = findFix(deployments, index, limits, commits, isRollback);
      if (fix) fixes.set(index, fix);
    }
    history.add(candidate, manners);
  }
  return { rollbacks, fixes, toPast: history.toPast };
}

/** By index of the failed deployment, the indexes of those that show it, in order. */
function invert(
  shownBy: readonly (readonly [index: number, failed: number])[],
): ReadonlyMap<number, readonly number[]> {
  const inverted = new Map<number, number[]>();
  for (const [index, failed] of shownBy) {
    const others = inverted.get(failed);
    if (others) others.push(index);
    else inverted.set(failed, [index]);
  }
  return inverted;
}

/**
 * Decides which deployments of one repo and tier have failed, by which causes, and when each failure ended.
 *
 * A deployment has failed if its pipeline failed, a later deployment goes back behind it or repairs it, an incident
 * belongs to it, or an operator marked it. Guarantees: a pure function of the set of deployments, incidents and marks,
 * and of `now`; it uses only what could be known at `now`.
 */

import type { Incident } from '../incident.ts';
import { type Portions, runToEnd } from '../portions.ts';
import { type Cause, causes, type Episode, fine, type Verdict } from '../verdict.ts';
import type { Candidate } from './candidate.ts';
import { assignIncidents, isStale } from './incidents.ts';
import { endOf, episodesOf } from './recovery.ts';
import type { FailureRules } from './repair-search.ts';
import { isRollback, type Searched } from './rollbacks.ts';

/** Facts beside the deployments. All times are Unix seconds. */
export interface Circumstances {
  /** Whether an older deployment, which is not in the list, is marked as fine; by default none is. */
  readonly isEarlierFine?: (number: number) => boolean;
  /** Start of the failure that was open before the first deployment and ends with the next success; 0: none was. */
  readonly failingSince: number;
  readonly incidents: readonly Incident[];
  /** Start of the oldest pipeline that still runs and may become a deployment; infinite: none runs. */
  readonly runningSince: number;
  readonly now: number;
}

export interface Judgement {
  /** In the order of the deployments. */
  readonly verdicts: readonly Verdict[];
  /** In order of their start. */
  readonly episodes: readonly Episode[];
  /** Unix seconds from which on the judgement may change without new input; infinite: never. */
  readonly validUntil: number;
}

/** The causes that the rules look for, in the order of `causes`. */
export function causesLookedFor({ rollbackSeconds, fix, incident }: FailureRules): readonly Cause[] {
  const isOn: Readonly<Record<Cause, boolean>> = {
    pipeline: true,
    rollback: rollbackSeconds !== null,
    fix: fix.linkedSeconds !== null || fix.ruleSeconds !== null,
    incident: incident.withinSeconds !== null,
    operator: true,
  };
  return causes.filter((cause) => isOn[cause]);
}

/** Longest time that counters wait for a pipeline that was running when an incident started. */
export const longestWaitSeconds = 86_400;
/** While counters wait, the deployments are judged again after this time. */
const waitAgainSeconds = 30;

/** `deployments` are in order, and finished by `now`. */
export function judge(
  deployments: readonly Searched[],
  rules: FailureRules,
  circumstances: Circumstances,
): Judgement {
  return runToEnd(judgeInPortions(deployments, rules, circumstances));
}

const deploymentsAtOnce = 1_000;

/** As `judge`, in portions of about a millisecond. */
export function* judgeInPortions(
  deployments: readonly Searched[],
  rules: FailureRules,
  { isEarlierFine = () => false, failingSince, incidents, runningSince, now }: Circumstances,
): Portions<Judgement> {
  const assigned = assignIncidents(deployments, incidents, rules.incident, now);
  yield;
  const { rolledBackBy, fixedBy, fineNumbers } = indexRepairs(deployments);
  const isFine = (index: number) => deployments[index]?.mark?.kind === 'fine';
  const isWaiting = ({ start }: Incident) => start >= runningSince && now < start + longestWaitSeconds;
  let validUntil = validityOf(incidents, rules.incident.staleSeconds, now);

  const judgeOne = (deployment: Searched, index: number, nextSuccess: number | null): Verdict => {
    const { number, outcome, mark, isRework, repair } = deployment;
    const shown = <T>(found: readonly T[] | undefined): readonly T[] => (isFine(index) ? [] : (found ?? []));
    const own = shown(assigned.get(index));
    const revealedBy = { rollback: shown(rolledBackBy.get(number)), fix: shown(fixedBy.get(number)) };
    const holds: Readonly<Record<Cause, boolean>> = {
      pipeline: outcome === 'failure',
      rollback: revealedBy.rollback.length > 0,
      fix: revealedBy.fix.length > 0,
      incident: own.length > 0,
      operator: mark?.kind === 'failed',
    };
    const found = causes.filter((cause) => holds[cause]);
    const repairedBy = [...revealedBy.rollback, ...revealedBy.fix];
    const recoveredAt = mark?.kind === 'failed' ? mark.recoveredAt : null;
    if (recoveredAt !== null && recoveredAt > now) validUntil = Math.min(validUntil, recoveredAt);
    const isProvisional = own.some(isWaiting);
    if (isProvisional) validUntil = Math.min(validUntil, now + waitAgainSeconds);
    return {
      causes: found,
      isRework: isRework || (repair !== null && showsFailure(repair)),
      shownBy: repairedBy.map((one) => (deployments[one] as Candidate).number),
      incidents: own,
      isProvisional,
      failure:
        found.length === 0
          ? null
          : endOf(deployment, deployments, {
              incidents: own,
              staleSeconds: rules.incident.staleSeconds,
              repairedBy,
              nextSuccess: holds.pipeline || holds.operator ? nextSuccess : undefined,
              now,
            }),
    };
  };
  /** Whether it rolls back or reverts a deployment that is not marked as fine. */
  const showsFailure = ({ undoes, reverts }: NonNullable<Searched['repair']>): boolean =>
    [...(undoes === null ? [] : [undoes]), ...reverts].some(
      (number) => !fineNumbers.has(number) && !isEarlierFine(number),
    );

  const isPlain = ({ number, outcome, isRework, repair, mark }: Searched, index: number): boolean =>
    outcome === 'success' &&
    !isRework &&
    repair === null &&
    mark === null &&
    !rolledBackBy.has(number) &&
    !fixedBy.has(number) &&
    !assigned.has(index);

  const verdicts = new Array<Verdict>(deployments.length);
  const failures: Episode[] = [];
  let nextSuccess: number | null = null;
  for (let index = deployments.length - 1; index >= 0; index--) {
    const deployment = deployments[index] as Searched;
    const verdict = isPlain(deployment, index) ? fine : judgeOne(deployment, index, nextSuccess);
    verdicts[index] = verdict;
    if (verdict.failure) failures.push({ start: deployment.at, end: verdict.failure.end });
    if (deployment.outcome === 'success') nextSuccess = index;
    if (index % deploymentsAtOnce === 0) yield;
  }
  if (failingSince > 0) {
    failures.push({ start: failingSince, end: deployments[nextSuccess ?? -1]?.at ?? null });
  }
  return { verdicts, episodes: episodesOf(failures.reverse()), validUntil };
}

interface RepairIndexes {
  /** By number of a deployment, the indexes of the rollbacks that undo it, in order. */
  readonly rolledBackBy: ReadonlyMap<number, readonly number[]>;
  /** By number of a deployment, the indexes of the fixes that revert or repair it, in order. */
  readonly fixedBy: ReadonlyMap<number, readonly number[]>;
  /** Numbers of the deployments that are marked as fine. */
  readonly fineNumbers: ReadonlySet<number>;
}

function indexRepairs(deployments: readonly Searched[]): RepairIndexes {
  const rolledBackBy = new Map<number, number[]>();
  const fixedBy = new Map<number, number[]>();
  const fineNumbers = new Set<number>();
  const note = (shownBy: Map<number, number[]>, failed: number, index: number): void => {
    const others = shownBy.get(failed);
    if (others) others.push(index);
    else shownBy.set(failed, [index]);
  };
  for (const [index, deployment] of deployments.entries()) {
    const { number, mark, repair } = deployment;
    if (mark?.kind === 'fine') fineNumbers.add(number);
    if (repair === null) continue;
    if (isRollback(deployment)) note(rolledBackBy, repair.undoes ?? 0, index);
    for (const failed of repair.reverts) note(fixedBy, failed, index);
    if (repair.repairs !== null) note(fixedBy, repair.repairs, index);
  }
  return { rolledBackBy, fixedBy, fineNumbers };
}

/** Unix seconds at which an incident next starts, ends or gets stale without a new report; infinite: none does. */
function validityOf(incidents: readonly Incident[], staleSeconds: number, now: number): number {
  let until = Number.POSITIVE_INFINITY;
  for (const incident of incidents) {
    const { start, end, receivedAt } = incident;
    if (start > now) until = Math.min(until, start);
    else if (end !== null && end > now) until = Math.min(until, end);
    else if (end === null && receivedAt !== null && !isStale(incident, now, staleSeconds)) {
      until = Math.min(until, receivedAt + staleSeconds + 1);
    }
  }
  return until;
}

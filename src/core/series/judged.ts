/**
 * Judges the deployments of a timeline after a change: finds repairs, failed deployments, and episodes of failure.
 *
 * Guarantees: the result follows from the deployments, the incidents and the moment alone. A deployment whose verdict
 * and repair do not change stays the same object. Deployments beyond known ground are not judged, since only some of
 * them are known.
 */

import { countBefore } from '../count-before.ts';
import type { Deployment } from '../deployment.ts';
import { type Circumstances, type Judgement, judgeInPortions } from '../failures/judge.ts';
import { createRepairSearch, looksForRepairs, type RepairSearch } from '../failures/repair-search.ts';
import { createKeptBeside } from '../kept-beside.ts';
import { counts } from '../known-ground.ts';
import type { Portions } from '../portions.ts';
import { type Episode, fine, isSameVerdict } from '../verdict.ts';
import { changedIncidents, type JudgedBy } from './changed-incidents.ts';
import { repairedBy, summaryOf } from './chunk-summary.ts';
import { chunksOf } from './chunks.ts';
import { beginOfJudgement, endOfJudgement } from './reach.ts';
import type { Timeline } from './timeline.ts';

/** Facts beside the deployments of a repo and tier that their verdicts depend on. */
export type Surroundings = Pick<Circumstances, 'incidents' | 'runningSince' | 'now'>;

/** No incident, and no running pipeline. */
export const nothingAround: Surroundings = {
  incidents: [],
  runningSince: Number.POSITIVE_INFINITY,
  now: 0,
};

export interface Judged {
  readonly episodes: readonly Episode[];
  readonly validUntil: number;
  /** Index of the first deployment that is new or another object than before; the number of deployments if none is. */
  readonly changedFrom: number;
  /** Index after the last deployment that may be such a one, at least `changedFrom`. */
  readonly changedUntil: number;
  /** A search that has taken in all deployments; `null`: the rules look for no repairs. */
  readonly search: RepairSearch | null;
  readonly judgedBy: JudgedBy | null;
}

/**
 * The deployments of a timeline after a change: from index `from` to before `until` they may differ from the old ones.
 * `until` is 0 if none differs.
 */
export interface Merged {
  /** Judged in place. */
  readonly deployments: Deployment[];
  readonly from: number;
  readonly until: number;
  /** The removed and the inserted deployments. */
  readonly moved: readonly Deployment[];
  /** Unix seconds: finish of the first one; infinite: there is none. */
  readonly firstMovedAt: number;
  /** Whether the same deployments are removed and inserted, equal in every field that repairs depend on. */
  readonly keepsRepairs: boolean;
}

const searchByTimeline = createKeptBeside<Timeline, RepairSearch>('search');

/** Keeps a search that has taken in all deployments of `timeline`, for the next change. */
export function keepSearch(timeline: Timeline, search: RepairSearch | null): void {
  if (search) searchByTimeline.set(timeline, search);
}

/** Takes the search away from its timeline, since the caller continues it in place. */
export function takeSearch(timeline: Timeline): RepairSearch | null {
  const search = searchByTimeline.get(timeline);
  if (search) searchByTimeline.set(timeline, undefined);
  return search ?? null;
}

const deploymentsAtOnce = 1_000;

/** In portions of about a millisecond. */
export function* judgeChange(
  timeline: Timeline,
  merged: Merged,
  { incidents, runningSince, now: clock }: Surroundings,
): Portions<Judged> {
  const { base, rules } = timeline;
  const { deployments } = merged;
  const firstJudged = countBefore(deployments, (deployment) => counts(base.ground, deployment));
  const searched = yield* searchRepairs(timeline, deployments, merged, firstJudged);
  const { search, repairedNumbers } = searched;
  let changedUntil = Math.max(merged.until, searched.changedUntil);

  // The clock of Woodpecker or of an agent may be ahead of ours: then the last deployment lies in the future.
  const now = Math.max(clock, deployments.at(-1)?.at ?? 0);
  const { judgedBy } = timeline;
  const { staleSeconds } = rules.failures.incident;
  const judgedNow: JudgedBy = { incidents, now };
  const changed = judgedBy === null ? [] : changedIncidents(judgedBy, judgedNow, staleSeconds);
  const change = { ...merged, ...judgedNow, repairedNumbers, changedIncidents: changed };
  const begin = Math.max(firstJudged, beginOfJudgement(timeline, change));
  const startsAt = (index: number): number => deployments[index]?.at ?? Number.POSITIVE_INFINITY;
  const isWhole = begin === firstJudged;
  const judgeUntil = (end: number): Portions<Judgement> =>
    judgeInPortions(deployments.slice(begin, end), rules.failures, {
      isEarlierFine: (number) => !isWhole && isFineBefore(timeline, begin, number),
      failingSince: isWhole ? timeline.failingSince : 0,
      incidents: incidents.filter(
        ({ start }) => (isWhole || start >= startsAt(begin)) && start < startsAt(end),
      ),
      runningSince,
      now,
    });
  let end = endOfJudgement(timeline, change, begin, Math.max(begin, changedUntil));
  let { verdicts, episodes, validUntil } = yield* judgeUntil(end);
  const reachesEnd = ({ end: last }: Episode) => last === null || last >= startsAt(end);
  if (end < deployments.length && episodes.some(reachesEnd)) {
    end = deployments.length;
    ({ verdicts, episodes, validUntil } = yield* judgeUntil(end));
  }
  yield;
  for (const [index, verdict] of verdicts.entries()) {
    const deployment = deployments[begin + index] as Deployment;
    if (isSameVerdict(deployment.verdict, verdict)) continue;
    deployments[begin + index] = { ...deployment, verdict };
    changedUntil = Math.max(changedUntil, begin + index + 1);
  }
  for (let index = 0; index < Math.min(firstJudged, deployments.length); index++) {
    const deployment = deployments[index] as Deployment;
    if (deployment.verdict === fine) continue;
    deployments[index] = { ...deployment, verdict: fine, repair: null };
    changedUntil = Math.max(changedUntil, index + 1);
  }
  const known = timeline.recent;
  let changedFrom = firstJudged > 0 ? 0 : Math.min(begin, merged.from);
  while (changedFrom < known.length && known[changedFrom] === deployments[changedFrom]) changedFrom++;
  // Episodes between the first removed deployment and `begin` had only removed ones.
  const isEarlier = ({ start }: Episode) =>
    !isWhole && start < Math.min(startsAt(begin), merged.firstMovedAt);
  const isLater = (one: Episode) => one.start >= startsAt(end);
  return {
    episodes: [...timeline.episodes.filter(isEarlier), ...episodes, ...timeline.episodes.filter(isLater)],
    validUntil: end < deployments.length ? Math.min(validUntil, timeline.validUntil) : validUntil,
    changedFrom,
    changedUntil: Math.max(changedUntil, changedFrom),
    search,
    judgedBy: deployments.length === 0 && timeline.baseEnd === 0 ? null : judgedNow,
  };
}

interface SearchedRepairs {
  readonly search: RepairSearch | null;
  /** Numbers of the deployments that a changed, new or removed deployment repairs, or repaired before. */
  readonly repairedNumbers: ReadonlySet<number>;
  /** Index after the last deployment whose repair has changed; 0: none has. */
  readonly changedUntil: number;
}

/** Writes each deployment's repair into `deployments`. */
function* searchRepairs(
  timeline: Timeline,
  deployments: Deployment[],
  { from, moved, keepsRepairs }: Merged,
  firstJudged: number,
): Portions<SearchedRepairs> {
  const { rules, past, recent, base } = timeline;
  const repairedNumbers = new Set(moved.flatMap(repairedBy));
  let changedUntil = 0;
  if (!looksForRepairs(rules.failures)) return { search: null, repairedNumbers, changedUntil };
  const known = takeSearch(timeline);
  if (known && keepsRepairs && !known.usesCommits) return { search: known, repairedNumbers, changedUntil };
  const isInsertion = moved.length === 1 && deployments.length === recent.length + 1 && from >= firstJudged;
  if (known && isInsertion && known.insert(deployments, from))
    return { search: known, repairedNumbers, changedUntil };
  const kept = Math.max(0, from - firstJudged);
  const search = known && kept > 0 ? known : createRepairSearch(rules.failures, past);
  if (search === known) {
    const judged = recent.length - countBefore(recent, (deployment) => counts(base.ground, deployment));
    search.rewind(judged - kept);
  }
  for (let index = search === known ? from : firstJudged; index < deployments.length; index++) {
    const deployment = deployments[index] as Deployment;
    const repair = search.next(deployments, index, firstJudged);
    const searched = repair === deployment.repair ? deployment : withRepair(deployment, repair);
    if (searched !== deployment) {
      for (const number of [...repairedBy(deployment), ...repairedBy(searched)]) repairedNumbers.add(number);
      deployments[index] = searched;
      changedUntil = index + 1;
    }
    if (index % deploymentsAtOnce === 0) yield;
  }
  return { search, repairedNumbers, changedUntil };
}

/** Whether a deployment before index `end` has the number, and is marked as fine. */
function isFineBefore(timeline: Timeline, end: number, number: number): boolean {
  let start = 0;
  for (const chunk of chunksOf(timeline)) {
    const { deployments } = chunk;
    if (start + deployments.length > end) {
      return deployments
        .slice(0, end - start)
        .some((one) => one.number === number && one.mark?.kind === 'fine');
    }
    if (summaryOf(chunk).fineNumbers.has(number)) return true;
    start += deployments.length;
  }
  return false;
}

function withRepair(deployment: Deployment, repair: Deployment['repair']): Deployment {
  return JSON.stringify(repair) === JSON.stringify(deployment.repair)
    ? deployment
    : { ...deployment, repair };
}

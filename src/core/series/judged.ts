/**
 * Judges the deployments of a timeline after a change: what each repairs, which have failed, and the episodes of failure.
 *
 * Guarantees: the result follows from the deployments, the incidents and the moment alone. Deployments that stay the same
 * are the same objects. Deployments beyond known ground are not judged: which of them the search for older outcomes has
 * found says nothing of those that it has not.
 */

import type { Deployment } from '../deployment.ts';
import { type Circumstances, judge } from '../failures/judge.ts';
import {
  createRepairSearch,
  longestLimit,
  looksForRepairs,
  type RepairSearch,
} from '../failures/repair-search.ts';
import { counts } from '../known-ground.ts';
import { type Episode, fine, isSameVerdict } from '../verdict.ts';
import { chunksOf, countBefore } from './chunks.ts';
import type { Timeline } from './reducer.ts';

/** What is known beside the deployments of a repo and tier. */
export type Surroundings = Pick<Circumstances, 'incidents' | 'runningSince' | 'now'>;

/** No incident, and nothing under way. */
export const nothingAround: Surroundings = {
  incidents: [],
  runningSince: Number.POSITIVE_INFINITY,
  now: 0,
};

export interface Judged {
  readonly deployments: readonly Deployment[];
  readonly episodes: readonly Episode[];
  readonly validUntil: number;
  /** Index of the first deployment that is another object now; the number of deployments if none is. */
  readonly changedFrom: number;
  /** Goes on after the last deployment; `null`: nothing is looked for. */
  readonly search: RepairSearch | null;
}

/** What of a timeline's deployments changes: those from index `from` on are new, or may be. */
export interface Merged {
  readonly deployments: readonly Deployment[];
  readonly from: number;
  /** Whether the same deployments are there, and only what no repair depends on has changed. */
  readonly keepsRepairs: boolean;
}

const searchByTimeline = new WeakMap<Timeline, RepairSearch>();

/** Lets `timeline` go on with a search that has seen all its deployments. */
export function keepSearch(timeline: Timeline, search: RepairSearch | null): void {
  if (search) searchByTimeline.set(timeline, search);
}

/** The search of a timeline, which is then another's: it goes on in place. */
export function takeSearch(timeline: Timeline): RepairSearch | null {
  const search = searchByTimeline.get(timeline) ?? null;
  searchByTimeline.delete(timeline);
  return search;
}

const deploymentsAtOnce = 1_000;

/** In steps of a millisecond or so. */
export function* judgeChange(
  timeline: Timeline,
  merged: Merged,
  { incidents, runningSince, now }: Surroundings,
): Generator<void, Judged, void> {
  const { base, rules } = timeline;
  const deployments = [...merged.deployments];
  const firstJudged = countBefore(deployments, (deployment) => counts(base.ground, deployment));
  const search = yield* searchRepairs(timeline, deployments, merged, firstJudged);

  const begin = Math.max(firstJudged, incidents.length > 0 ? 0 : beginOfJudgement(timeline, merged));
  const last = deployments.at(-1);
  const earlier = timeline.episodes.filter(({ start }) => start < (deployments[begin]?.at ?? Infinity));
  const { verdicts, episodes, validUntil } = judge(deployments.slice(begin), rules.failures, {
    failingSince: begin === firstJudged ? timeline.failingSince : 0,
    incidents,
    runningSince,
    // Another clock may have given a deployment a later time than ours.
    now: Math.max(now, last?.at ?? 0),
  });
  yield;
  for (const [index, verdict] of verdicts.entries()) {
    const deployment = deployments[begin + index] as Deployment;
    if (isSameVerdict(deployment.verdict, verdict)) continue;
    deployments[begin + index] = { ...deployment, verdict };
  }
  for (let index = 0; index < Math.min(firstJudged, deployments.length); index++) {
    const deployment = deployments[index] as Deployment;
    if (deployment.verdict !== fine) deployments[index] = { ...deployment, verdict: fine, repair: null };
  }
  const known = timeline.recent;
  let changedFrom = 0;
  while (changedFrom < known.length && known[changedFrom] === deployments[changedFrom]) changedFrom++;
  return {
    deployments,
    episodes: begin === firstJudged ? episodes : [...earlier, ...episodes],
    validUntil,
    changedFrom,
    search,
  };
}

/** Notes in `deployments` what each repairs. */
function* searchRepairs(
  timeline: Timeline,
  deployments: Deployment[],
  { from, keepsRepairs }: Merged,
  firstJudged: number,
): Generator<void, RepairSearch | null, void> {
  const { rules, past } = timeline;
  if (!looksForRepairs(rules.failures)) return null;
  const known = takeSearch(timeline);
  const isAppend = from === timeline.recent.length;
  if (known && keepsRepairs && !known.usesCommits) return known;
  const search = known && isAppend ? known : createRepairSearch(rules.failures, past);
  const before = search === known ? deployments.slice(firstJudged, from) : [];
  for (let index = firstJudged + before.length; index < deployments.length; index++) {
    const deployment = deployments[index] as Deployment;
    const repair = search.next(deployment, before);
    const searched = repair === deployment.repair ? deployment : withRepair(deployment, repair);
    deployments[index] = searched;
    before.push(searched);
    if (before.length % deploymentsAtOnce === 0) yield;
  }
  return search;
}

function withRepair(deployment: Deployment, repair: Deployment['repair']): Deployment {
  return JSON.stringify(repair) === JSON.stringify(deployment.repair)
    ? deployment
    : { ...deployment, repair };
}

/**
 * Index of the first deployment that must be judged again: no earlier one can be shown as failed by the change, and no
 * episode of failure reaches from before it to after it.
 */
function beginOfJudgement(timeline: Timeline, { deployments, from }: Merged): number {
  const { rules, recent, episodes } = timeline;
  const first = deployments[from] ?? recent[from];
  if (!first) return 0;
  const reach = Math.min(first.at, recent[from]?.at ?? first.at) - longestLimit(rules.failures);
  let begin = 0;
  let start = 0;
  for (const chunk of chunksOf(timeline)) {
    const at = chunk.deployments[0]?.at ?? 0;
    if (at > reach || start > from) break;
    if (!isInEpisode(episodes, at)) begin = start;
    start += chunk.deployments.length;
  }
  return begin;
}

/** Whether an episode begins by `at` and does not end before it. */
function isInEpisode(episodes: readonly Episode[], at: number): boolean {
  const begun = countBefore(episodes, ({ start }) => start > at);
  const end = begun === 0 ? undefined : episodes[begun - 1]?.end;
  return end === null || (end !== undefined && end >= at);
}

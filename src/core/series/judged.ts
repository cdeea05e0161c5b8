/**
 * Judges the deployments of a timeline after a change: what each repairs, which have failed, and the episodes of failure.
 *
 * Guarantees: the result follows from the deployments, the incidents and the moment alone. Deployments that stay the same
 * are the same objects. Deployments beyond known ground are not judged: which of them the search for older outcomes has
 * found says nothing of those that it has not.
 */

import type { Deployment } from '../deployment.ts';
import { type Circumstances, judgeInSteps } from '../failures/judge.ts';
import {
  createRepairSearch,
  longestLimit,
  looksForRepairs,
  type RepairSearch,
} from '../failures/repair-search.ts';
import type { Incident } from '../incident.ts';
import { counts } from '../known-ground.ts';
import type { Steps } from '../steps.ts';
import { type Episode, fine, isSameVerdict } from '../verdict.ts';
import { type Chunk, chunksOf, countBefore } from './chunks.ts';
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
): Steps<Judged> {
  const { base, rules } = timeline;
  const deployments = merged.deployments.slice();
  const firstJudged = countBefore(deployments, (deployment) => counts(base.ground, deployment));
  const search = yield* searchRepairs(timeline, deployments, merged, firstJudged);

  const begin = Math.max(firstJudged, beginOfJudgement(timeline, { ...merged, deployments }, incidents));
  const beginAt = deployments[begin]?.at ?? Number.POSITIVE_INFINITY;
  const last = deployments.at(-1);
  const earlier = timeline.episodes.filter(({ start }) => start < beginAt);
  const { verdicts, episodes, validUntil } = yield* judgeInSteps(deployments.slice(begin), rules.failures, {
    failingSince: begin === firstJudged ? timeline.failingSince : 0,
    incidents: begin === firstJudged ? incidents : incidents.filter(({ start }) => start >= beginAt),
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
  let changedFrom = firstJudged > 0 ? 0 : Math.min(begin, merged.from);
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
): Steps<RepairSearch | null> {
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
 * Index of the first deployment that must be judged again: the change says nothing of earlier ones, and no episode of
 * failure and no incident reaches from before it to after it.
 */
function beginOfJudgement(timeline: Timeline, merged: Merged, incidents: readonly Incident[]): number {
  const { episodes } = timeline;
  const { deployments, from } = merged;
  const reach = reachOf(timeline, merged, incidents);
  const chunks = chunksOf(timeline);
  let start = chunks.reduce((sum, chunk) => sum + chunk.deployments.length, 0);
  let earliestStart = earliestStartOf(deployments.slice(from));
  for (const chunk of chunks.toReversed()) {
    start -= chunk.deployments.length;
    const at = chunk.deployments[0]?.at ?? 0;
    if (incidents.length > 0) earliestStart = Math.min(earliestStart, startOfChunk(chunk));
    const isBefore = at < reach && start <= from;
    if (isBefore && !isInEpisode(episodes, at) && !isInIncident(incidents, at, earliestStart)) return start;
  }
  return 0;
}

/** Unix seconds: nothing that ended before is shown in another light by the change. */
function reachOf(
  { rules, recent }: Timeline,
  { deployments, from }: Merged,
  incidents: readonly Incident[],
): number {
  const { withinSeconds } = rules.failures.incident;
  const changed = [deployments[from], recent[from]].filter((one) => one !== undefined);
  if (changed.length === 0) return reachOfReports(recent, incidents, Number(withinSeconds));
  const earliest = Math.min(...changed.map(({ at }) => at));
  if (from < recent.length) {
    return Math.min(earliest, earliestStartOf(deployments.slice(from))) - longestLimit(rules.failures);
  }
  const added = deployments.slice(from);
  const ofIncidents =
    incidents.length === 0 ? Number.POSITIVE_INFINITY : earliestStartOf(added) - Number(withinSeconds);
  return Math.min(earliest, ofIncidents, ...added.map((one) => timeOfRepaired(one, deployments, from)));
}

/** Of what incidents and marks alone show in another light. */
function reachOfReports(
  recent: readonly Deployment[],
  incidents: readonly Incident[],
  withinSeconds: number,
): number {
  const reported = recent.find(({ mark, verdict }) => mark !== null || verdict.incidents.length > 0);
  const starts = incidents.map(({ start }) => start - withinSeconds);
  return Math.min(reported?.at ?? Number.POSITIVE_INFINITY, ...starts);
}

/** The earliest finish of what a deployment repairs; infinite: nothing. */
function timeOfRepaired({ repair }: Deployment, deployments: readonly Deployment[], end: number): number {
  if (!repair) return Number.POSITIVE_INFINITY;
  const { undoes, reverts, repairs } = repair;
  const numbers = new Set([undoes, repairs, ...reverts].filter((number) => number !== null));
  let earliest = Number.POSITIVE_INFINITY;
  for (let index = end - 1; index >= 0 && numbers.size > 0; index--) {
    const { number, at } = deployments[index] as Deployment;
    if (numbers.delete(number)) earliest = at;
  }
  return earliest;
}

function earliestStartOf(deployments: readonly Deployment[]): number {
  return deployments.reduce(
    (earliest, { startedAt, at }) => Math.min(earliest, startedAt ?? at),
    Number.POSITIVE_INFINITY,
  );
}

const startByChunk = new WeakMap<Chunk, number>();

/** When the first of its deployments to start started. */
function startOfChunk(chunk: Chunk): number {
  const known = startByChunk.get(chunk) ?? earliestStartOf(chunk.deployments);
  startByChunk.set(chunk, known);
  return known;
}

/** Whether an episode begins by `at` and does not end before it. */
function isInEpisode(episodes: readonly Episode[], at: number): boolean {
  const begun = countBefore(episodes, ({ start }) => start > at);
  const end = begun === 0 ? undefined : episodes[begun - 1]?.end;
  return end === null || (end !== undefined && end >= at);
}

/**
 * Whether an incident that starts before `at` lasts until then, or may belong to a deployment that finishes later:
 * `earliestStart` is the first start of those.
 */
function isInIncident(incidents: readonly Incident[], at: number, earliestStart: number): boolean {
  return incidents.some(
    ({ start, end }) => start < at && (start >= earliestStart || end === null || end >= at),
  );
}

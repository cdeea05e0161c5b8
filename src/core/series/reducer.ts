/**
 * The reducer: the deployments of one repo and tier in order of time, judged among each other, and folded into the state
 * of every figure.
 *
 * Deployments that no window and no later deployment reaches back to are folded into a base and forgotten. Younger ones
 * are kept, so that a late or corrected one is put in its place and folded again. Guarantees: the exact state depends on
 * the set of deployments and incidents, and on the moment alone; inputs are never modified. A change that reaches into the
 * base cannot be folded here: the caller reads the whole series from the store and builds it anew.
 */

import { compareDeployments, type Deployment, identityOf } from '../deployment.ts';
import { revertsOf } from '../failures/candidate.ts';
import { emptyPast, type Past } from '../failures/deployed-history.ts';
import { createRepairSearch, looksForRepairs, type RepairSearch } from '../failures/repair-search.ts';
import type { FigureRules } from '../figures/figure.ts';
import { type Fold, shareFold, startFold, stepFold } from '../figures/fold.ts';
import { counts, type KnownGround } from '../known-ground.ts';
import { runToEnd, type Steps } from '../steps.ts';
import type { Episode } from '../verdict.ts';
import { type Chunk, chunkSize, chunksOf, countBefore, keepChunks, withReplaced } from './chunks.ts';
import { type CreditsByPlace, creditEpisodes, joinCredits } from './episode-credits.ts';
import { judgeChange, keepSearch, type Surroundings, takeSearch } from './judged.ts';
import { type Credit, creditFor } from './ledger.ts';
import type { JudgedBy } from './reach.ts';

export interface Timeline {
  readonly rules: FigureRules;
  /** State after all deployments up to and including `baseEnd`. */
  readonly base: Fold;
  /** What was deployed up to and including `baseEnd`. */
  readonly past: Past;
  /** Start of the failure that is open at `baseEnd` and ends with the next success, Unix seconds; 0: none is. */
  readonly failingSince: number;
  /** Unix seconds. */
  readonly baseEnd: number;
  /** Deployments after `baseEnd`, in order. */
  readonly recent: readonly Deployment[];
  /** Episodes of failure that are open or ended after `baseEnd`, in order. */
  readonly episodes: readonly Episode[];
  /** State after all deployments. */
  readonly current: Fold;
  /** Unix seconds from which on it must be judged again, though nothing has changed; infinite: never. */
  readonly validUntil: number;
  /** What its deployments were judged by; `null`: they were not yet. */
  readonly judgedBy: JudgedBy | null;
}

export interface TimelineChange {
  /** Deployments as they stand in the timeline now. */
  readonly removed: readonly Deployment[];
  readonly inserted: readonly Deployment[];
  readonly surroundings: Surroundings;
  /** `add` by default. */
  readonly ledger?: LedgerMode;
}

/**
 * `add`: the ledger takes in what is new. `keep`: it has all that it should have. `replay`: it takes in again what it has,
 * from deployments that were given to `toReplay`.
 */
export type LedgerMode = 'add' | 'keep' | 'replay';

export interface Reduction {
  readonly timeline: Timeline;
  /** What the change adds to the ledger, in order of time. */
  readonly credits: readonly Credit[];
}

/** A timeline before any deployment; what is folded into it later is read under `rules`. */
export function createTimeline(rules: FigureRules, ground?: KnownGround): Timeline {
  const start = startFold(rules, ground);
  return {
    ...{ rules, base: start, past: emptyPast, failingSince: 0, baseEnd: 0 },
    ...{ recent: [], episodes: [], current: start, validUntil: Number.POSITIVE_INFINITY, judgedBy: null },
  };
}

/** The timeline as it was after its base, before any of its recent deployments. */
export function atBase(timeline: Timeline): Timeline {
  return {
    ...timeline,
    recent: [],
    episodes: [],
    current: timeline.base,
    validUntil: Number.POSITIVE_INFINITY,
    judgedBy: null,
  };
}

/** The timeline after `change`, and what that adds to the ledger; `null` if it reaches into the base. */
export function reduce(timeline: Timeline, change: TimelineChange): Reduction | null {
  return runToEnd(reduceInSteps(timeline, change));
}

/** As `reduce`, in steps of a millisecond or so, for whoever has other things to do in between. */
export function* reduceInSteps(
  timeline: Timeline,
  { removed, inserted, surroundings, ledger = 'add' }: TimelineChange,
): Steps<Reduction | null> {
  const added = [...inserted].sort(compareDeployments);
  const gone = [...removed].sort(compareDeployments);
  const first = firstOf(added[0], gone[0]);
  if (first && first.at <= timeline.baseEnd) return null;

  const { recent } = timeline;
  const from = first ? countBefore(recent, (one) => !isAfter(first, one)) : recent.length;
  const keepsRepairs = first !== undefined && areAlike(gone, added);
  const deployments = recent
    .slice(0, from)
    .concat(merge(without(recent.slice(from), gone), keepsRepairs ? withRepairsOf(added, recent) : added));
  const { episodes, validUntil, changedFrom, search, judgedBy } = yield* judgeChange(
    timeline,
    { deployments, from, moved: [...gone, ...added], keepsRepairs },
    surroundings,
  );
  const place = placeOf(timeline, Math.min(from, changedFrom));
  const { kept, open, start } = place;
  let { fold } = place;

  const credits = new Map<number, Credit>();
  const refolded: OpenChunk[] = [];
  let chunk: OpenChunk = open ?? { before: fold, deployments: [] };
  for (let index = start; index < deployments.length; index++) {
    const deployment = deployments[index] as Deployment;
    if (chunk.deployments.length === chunkSize) {
      refolded.push(chunk);
      chunk = { before: fold, deployments: [] };
      yield;
    }
    const credit = ledger === 'keep' ? null : creditFor(fold, deployment);
    if (credit) {
      credits.set(index, credit);
      deployments[index] = credit.deployment;
    }
    chunk.deployments.push(deployments[index] as Deployment);
    fold = stepFold(fold, deployment);
  }
  if (chunk.deployments.length > 0) refolded.push(chunk);
  const ended = ledger === 'keep' ? none : yield* creditEpisodes(episodes, deployments, start, ledger);
  for (const [index, credit] of ended) credits.set(index, joinCredits(credits.get(index), credit));
  yield;
  const base = shareFold(timeline.base, fold);
  const judged = { recent: deployments, episodes, validUntil, judgedBy };
  const next: Timeline = { ...timeline, ...judged, base, current: fold };
  const all = withReplaced([...kept, ...refolded], deployments, [...ended.keys()]);
  if (shareFold(timeline.current, fold) !== timeline.current) {
    for (const one of all) one.before = shareFold(one.before, fold);
  }
  keepChunks(next, all);
  keepSearch(next, search);
  const inOrder = [...credits].sort(([a], [b]) => a - b);
  return { timeline: next, credits: inOrder.map(([, credit]) => credit) };
}

const none: CreditsByPlace = new Map();

interface OpenChunk extends Chunk {
  readonly deployments: Deployment[];
}

/** Where folding begins again if all from index `from` on may have changed: at the start of a chunk, or at the end. */
function placeOf(timeline: Timeline, from: number) {
  const chunks = chunksOf(timeline);
  const kept: Chunk[] = [];
  let start = 0;
  for (const chunk of chunks) {
    if (start + chunk.deployments.length > from) break;
    kept.push(chunk);
    start += chunk.deployments.length;
  }
  const isAppend = kept.length === chunks.length;
  const last = isAppend ? kept.at(-1) : undefined;
  const isOpen = last !== undefined && last.deployments.length < chunkSize;
  if (isOpen) kept.pop();
  const open: OpenChunk | null = isOpen ? { before: last.before, deployments: [...last.deployments] } : null;
  const fold = isAppend ? timeline.current : (chunks[kept.length]?.before ?? timeline.base);
  return { kept, open, start, fold };
}

/**
 * The timeline with all up to `cutoff` (Unix seconds) folded into its base, but for those from the first on whose failure
 * ends later, or is held open by an incident.
 */
export function settle(timeline: Timeline, cutoff: number): Timeline {
  const { recent, episodes } = timeline;
  let settled = 0;
  while (settled < recent.length && isSettled(recent[settled] as Deployment, cutoff)) settled++;
  const last = recent[settled - 1];
  if (!last) return timeline;
  const next = recent[settled];
  const baseEnd = next && next.at <= cutoff ? next.at - 1 : cutoff;
  if (last.at > baseEnd) return settle(timeline, baseEnd);

  const chunks = chunksOf(timeline);
  let start = 0;
  let gone = 0;
  for (const { deployments } of chunks) {
    if (start + deployments.length > settled) break;
    start += deployments.length;
    gone++;
  }
  const cut = chunks[gone];
  let base = cut?.before ?? timeline.current;
  for (const deployment of cut?.deployments.slice(0, settled - start) ?? [])
    base = stepFold(base, deployment);
  const left = cut?.deployments.slice(settled - start) ?? [];
  const open = episodes.find(({ start: since, end }) => since <= last.at && (end === null || end > baseEnd));
  const settledTimeline: Timeline = {
    ...timeline,
    base,
    past: addToPast(timeline, recent.slice(0, settled)),
    failingSince: open?.start ?? 0,
    baseEnd,
    recent: recent.slice(settled),
    episodes: episodes.filter(({ end }) => end === null || end > baseEnd),
  };
  const rest = chunks.slice(gone + 1);
  keepChunks(settledTimeline, left.length > 0 ? [{ before: base, deployments: left }, ...rest] : rest);
  keepSearch(settledTimeline, searchAfter(timeline, settledTimeline));
  return settledTimeline;
}

/** The search goes on, unless most of what it remembers is in memory no longer. */
function searchAfter(timeline: Timeline, { past, recent }: Timeline): RepairSearch | null {
  const search = takeSearch(timeline);
  if (!search || search.size > 2 * recent.length + chunkSize) return null;
  search.settle(past);
  return search;
}

function isSettled({ at, mark, verdict }: Deployment, cutoff: number): boolean {
  if (at > cutoff) return false;
  const { failure, incidents } = verdict;
  if (failure === null) return true;
  if (failure.end !== null) return failure.end <= cutoff;
  // The next success ends every other open failure.
  const endsByMark = mark?.kind === 'failed' && mark.recoveredAt !== null;
  return incidents.length === 0 && !endsByMark;
}

function addToPast({ rules, past, base }: Timeline, gone: readonly Deployment[]): Past {
  if (!looksForRepairs(rules.failures)) return past;
  const search = createRepairSearch(rules.failures, past);
  const first = countBefore(gone, (deployment) => counts(base.ground, deployment));
  for (let index = first; index < gone.length; index++) search.next(gone, index, first);
  return search.toPast();
}

/** Whether both are the same deployments, of which only what no repair depends on has changed. */
function areAlike(a: readonly Deployment[], b: readonly Deployment[]): boolean {
  return a.length === b.length && a.every((one, index) => isAlike(one, b[index]));
}

function isAlike(a: Deployment, b: Deployment | undefined): boolean {
  return (
    b !== undefined &&
    compareDeployments(a, b) === 0 &&
    a.outcome === b.outcome &&
    a.commit === b.commit &&
    a.event === b.event &&
    a.branch === b.branch &&
    a.ref === b.ref &&
    a.isRestart === b.isRestart &&
    a.isRework === b.isRework &&
    revertsOf(a).join() === revertsOf(b).join()
  );
}

/** `deployments` with the repairs that their earlier versions in `recent` have. */
function withRepairsOf(deployments: readonly Deployment[], recent: readonly Deployment[]): Deployment[] {
  return deployments.map((one) => {
    const known = recent[countBefore(recent, (other) => !isAfter(one, other))];
    return known?.repair ? { ...one, repair: known.repair } : one;
  });
}

function firstOf(a: Deployment | undefined, b: Deployment | undefined): Deployment | undefined {
  return a && b ? (isAfter(a, b) ? b : a) : (a ?? b);
}

function isAfter(a: Deployment, b: Deployment): boolean {
  return compareDeployments(a, b) > 0;
}

/** Both are in order. */
function without(deployments: readonly Deployment[], removed: readonly Deployment[]): readonly Deployment[] {
  const left: Deployment[] = [];
  let copied = 0;
  for (const one of removed) {
    const place = countBefore(deployments, (other) => compareDeployments(other, one) >= 0);
    const found = deployments[place];
    if (!found || identityOf(found) !== identityOf(one)) continue;
    for (; copied < place; copied++) left.push(deployments[copied] as Deployment);
    copied = place + 1;
  }
  return copied === 0 ? deployments : left.concat(deployments.slice(copied));
}

function merge(a: readonly Deployment[], b: readonly Deployment[]): readonly Deployment[] {
  return a.length === 0 ? b : [...a, ...b].sort(compareDeployments);
}

/** How many deployments are folded at once while a series is read. */
const builtAtOnce = 5_000;

export interface TimelineBuilder {
  /** Takes in the next deployment. */
  add(deployment: Deployment): void;
  build(): Timeline;
}

/** Builds a timeline from a whole series read in order, without holding more of it than the result does. */
export function createTimelineBuilder(
  rules: FigureRules,
  cutoff: number,
  surroundings: Surroundings,
  ground?: KnownGround,
): TimelineBuilder {
  let timeline = createTimeline(rules, ground);
  let inserted: Deployment[] = [];
  const flush = (): void => {
    const reduction = reduce(timeline, { removed: [], inserted, surroundings, ledger: 'keep' });
    if (!reduction) throw new Error('Deployments were not read in order');
    timeline = compact(reduction.timeline, cutoff);
    inserted = [];
  };
  return {
    add(deployment) {
      inserted.push(deployment);
      if (inserted.length === builtAtOnce) flush();
    },
    build() {
      if (inserted.length > 0) flush();
      // Most series are read at start and get no deployment for long: their search begins anew with the next one.
      takeSearch(timeline);
      return timeline;
    },
  };
}

/** What was deployed long ago is copied to grow, so only this share of what is held is worth a copy. */
const worthwhileShare = 1 / 8;

/** As `settle`, if enough is settled. */
export function compact(timeline: Timeline, cutoff: number): Timeline {
  const { recent, past, rules } = timeline;
  const old = countBefore(recent, ({ at }) => at > cutoff);
  if (old === 0) return timeline;
  const held = recent.length + past.commits.size;
  const isWorthwhile = !looksForRepairs(rules.failures) || old >= held * worthwhileShare;
  return isWorthwhile ? settle(timeline, cutoff) : timeline;
}

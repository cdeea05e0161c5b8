/**
 * The reducer: takes the deployments of one repo and tier in order of time, judges them, and folds them into the state
 * of every figure.
 *
 * Old deployments are folded into a base and dropped, once no window and no later deployment can reach back to them.
 * Younger ones are kept, so that a late or corrected deployment can be inserted and folded again. Guarantees: the
 * exact state depends on the set of deployments and incidents, and on the moment alone; inputs are never modified. A
 * change that reaches into the base cannot be folded here: the caller reads the series from the store and builds the
 * timeline anew.
 */

import { countBefore } from '../count-before.ts';
import { compareDeployments, type Deployment, identityOf } from '../deployment.ts';
import { revertsOf } from '../failures/candidate.ts';
import { emptyPast, type Past } from '../failures/deployed-history.ts';
import { createRepairSearch, looksForRepairs, type RepairSearch } from '../failures/repair-search.ts';
import type { FigureRules } from '../figures/figure.ts';
import { type Fold, shareFold, startFold, stepFold } from '../figures/fold.ts';
import { counts, type KnownGround } from '../known-ground.ts';
import { runToEnd, type Steps } from '../steps.ts';
import type { Episode } from '../verdict.ts';
import { type Chunk, chunkSize, chunksOf, keepChunks, withReplaced } from './chunks.ts';
import { type CreditsByPlace, creditEpisodes, joinCredits } from './episode-credits.ts';
import { judgeChange, keepSearch, type Surroundings, takeSearch } from './judged.ts';
import { type Credit, creditFor } from './ledger.ts';
import type { JudgedBy } from './reach.ts';

export interface Timeline {
  readonly rules: FigureRules;
  /** State after all deployments up to and including `baseEnd`. */
  readonly base: Fold;
  /** Commits deployed up to and including `baseEnd`. */
  readonly past: Past;
  /** Unix seconds: start of the failure that is open at `baseEnd` and ends with the next success; 0: none is open. */
  readonly failingSince: number;
  /** Unix seconds. */
  readonly baseEnd: number;
  /** Deployments after `baseEnd`, in order. */
  readonly recent: readonly Deployment[];
  /** Episodes of failure that are open or ended after `baseEnd`, in order. */
  readonly episodes: readonly Episode[];
  /** State after all deployments. */
  readonly current: Fold;
  /** Unix seconds from which on it must be judged again, even without a change; infinite: never. */
  readonly validUntil: number;
  /** Input of the last judgement; `null`: no deployment was judged yet. */
  readonly judgedBy: JudgedBy | null;
}

export interface TimelineChange {
  /** Deployments as the timeline contains them now. */
  readonly removed: readonly Deployment[];
  readonly inserted: readonly Deployment[];
  readonly surroundings: Surroundings;
  /** `add` by default. */
  readonly ledger?: LedgerMode;
}

/**
 * How a change adds to the ledger. `add`: each deployment adds what it has not added before. `keep`: no deployment
 * adds anything. `replay`: each adds again what it has added before; the deployments must be results of `toReplay`.
 */
export type LedgerMode = 'add' | 'keep' | 'replay';

export interface Reduction {
  readonly timeline: Timeline;
  /** The change's additions to the ledger, in order of time. */
  readonly credits: readonly Credit[];
}

/**
 * A timeline without deployments. `rules` apply to all that are folded into it; without a `ground`, all of them count.
 */
export function createTimeline(rules: FigureRules, ground?: KnownGround): Timeline {
  const start = startFold(rules, ground);
  return {
    ...{ rules, base: start, past: emptyPast, failingSince: 0, baseEnd: 0 },
    ...{ recent: [], episodes: [], current: start, validUntil: Number.POSITIVE_INFINITY, judgedBy: null },
  };
}

/** The timeline without its recent deployments: its base alone. */
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

/** The timeline after `change`, and the additions to the ledger; `null` if the change reaches into the base. */
export function reduce(timeline: Timeline, change: TimelineChange): Reduction | null {
  return runToEnd(reduceInSteps(timeline, change));
}

/** As `reduce`, in steps of about a millisecond, so that the caller can yield to the event loop in between. */
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
    .concat(
      withInserted(without(recent.slice(from), gone), keepsRepairs ? withRepairsOf(added, recent) : added),
    );
  const { episodes, validUntil, changedFrom, search, judgedBy } = yield* judgeChange(
    timeline,
    { deployments, from, moved: [...gone, ...added], keepsRepairs },
    surroundings,
  );
  const { kept, open, start, current } = placeOf(timeline, Math.min(from, changedFrom), deployments.length);
  let fold = current;

  const credits = new Map<number, Credit>();
  const refolded: Chunk[] = [];
  let before = open?.before ?? fold;
  let chunkStart = start - (open?.deployments.length ?? 0);
  for (let index = start; index < deployments.length; index++) {
    const deployment = deployments[index] as Deployment;
    const credit = ledger === 'keep' ? null : creditFor(fold, deployment);
    if (credit) {
      credits.set(index, credit);
      deployments[index] = credit.deployment;
    }
    fold = stepFold(fold, deployment);
    if (index + 1 - chunkStart < chunkSize && index + 1 < deployments.length) continue;
    refolded.push({ before, deployments: deployments.slice(chunkStart, index + 1) });
    before = fold;
    chunkStart = index + 1;
    yield;
  }
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

/**
 * The place to fold again from, if deployments from index `from` up to `end` may have changed: the start of a chunk, or
 * the end. `kept`: the chunks before it. `open`: the last chunk, if deployments that follow it find room in it.
 */
function placeOf(timeline: Timeline, from: number, end: number) {
  const chunks = chunksOf(timeline);
  const kept: Chunk[] = [];
  let start = 0;
  for (const chunk of chunks) {
    if (start + chunk.deployments.length > from) break;
    kept.push(chunk);
    start += chunk.deployments.length;
  }
  const next = chunks[kept.length];
  const last = kept.at(-1);
  const open = start < end && !next && last && last.deployments.length < chunkSize ? last : null;
  if (open) kept.pop();
  const current = next?.before ?? timeline.current;
  return { kept, open, start, current };
}

/**
 * The timeline with its deployments up to `cutoff` (Unix seconds) folded into the base. Folding stops before the first
 * deployment whose failure ends after `cutoff`, or is still open because of an incident or of a mark with a recovery
 * time.
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

/** The search of `timeline`, for the settled timeline; `null` if most of its deployments are no longer in memory. */
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
  // The next success ends any other open failure: `failingSince` is enough to remember it.
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

/** Whether both lists contain the same deployments, equal in every field that repairs depend on. */
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

/** `deployments` with the repairs of their earlier versions in `recent`. */
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

/** `deployments` without `removed`; both lists are in order. */
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

/** `deployments` and `inserted`; both lists are in order. */
function withInserted(
  deployments: readonly Deployment[],
  inserted: readonly Deployment[],
): readonly Deployment[] {
  const all: Deployment[] = [];
  let copied = 0;
  for (const one of inserted) {
    const place = countBefore(deployments, (other) => isAfter(other, one), copied);
    for (; copied < place; copied++) all.push(deployments[copied] as Deployment);
    all.push(one);
  }
  return all.concat(deployments.slice(copied));
}

/** Number of deployments that are folded together while a series is read. */
const builtAtOnce = 5_000;

export interface TimelineBuilder {
  /** Takes in the next deployment. */
  add(deployment: Deployment): void;
  build(): Timeline;
}

/**
 * Builds a timeline from a whole series, which is read in order. Deployments up to `cutoff` (Unix seconds) are folded
 * into the base on the way, so that memory never contains much more than the result.
 */
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
      // Most series are read at start and then rest: the next deployment makes a new search.
      takeSearch(timeline);
      return timeline;
    },
  };
}

/** `settle` copies the whole past, so it is worth its cost only if this share of all deployments is old. */
const worthwhileShare = 1 / 8;

/** As `settle`, if enough deployments are old; else the same timeline. */
export function compact(timeline: Timeline, cutoff: number): Timeline {
  const { recent, past, rules } = timeline;
  const old = countBefore(recent, ({ at }) => at > cutoff);
  if (old === 0) return timeline;
  const held = recent.length + past.commits.size;
  const isWorthwhile = !looksForRepairs(rules.failures) || old >= held * worthwhileShare;
  return isWorthwhile ? settle(timeline, cutoff) : timeline;
}

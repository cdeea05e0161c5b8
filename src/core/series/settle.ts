/** Folds old deployments into the base of their timeline, so that memory contains those alone that still matter. */

import { countBefore } from '../count-before.ts';
import { type Deployment, startOf } from '../deployment.ts';
import type { Past } from '../failures/deployed-history.ts';
import { createRepairSearch, looksForRepairs, type RepairSearch } from '../failures/repair-search.ts';
import { stepFold } from '../figures/fold.ts';
import { counts } from '../known-ground.ts';
import { chunkSize, chunksOf, createChunk, keepChunks } from './chunks.ts';
import { keepSearch, takeSearch } from './judged.ts';
import { episodeBits, neverCount } from './ledger.ts';
import type { Timeline } from './timeline.ts';

/**
 * The timeline with its deployments up to `cutoff` (Unix seconds) folded into the base. Folding stops before the first
 * deployment whose failure ends after `cutoff`, or is still open because of an incident or of a mark with a recovery
 * time. It also stops before an open episode that the ledger contains already, since only its deployments say so; and
 * before a deployment whose rollback or incident would then be taken for that of a later one.
 */
export function settle(timeline: Timeline, cutoff: number): Timeline {
  const { recent, episodes } = timeline;
  let settled = 0;
  const end = Math.min(cutoff, startOfAdded(timeline) - 1);
  while (settled < recent.length && isSettled(recent[settled] as Deployment, end)) settled++;
  settled = withoutParting(recent, settled);
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
  keepChunks(settledTimeline, left.length > 0 ? [createChunk(base, left), ...rest] : rest);
  keepSearch(settledTimeline, searchAfter(timeline, settledTimeline));
  return settledTimeline;
}

/**
 * The greatest number of deployments, up to `settled`, such that no later deployment undoes one of them, nor started
 * before an incident of theirs.
 */
function withoutParting(recent: readonly Deployment[], settled: number): number {
  const undone = new Set<number>();
  let earliestStart = Number.POSITIVE_INFINITY;
  let end = recent.length;
  for (let cut = settled; ; ) {
    for (const deployment of recent.slice(cut, end)) {
      if (deployment.repair?.undoes != null) undone.add(deployment.repair.undoes);
      earliestStart = Math.min(earliestStart, startOf(deployment));
    }
    end = cut;
    const parted = recent.findIndex(
      ({ number, verdict }, index) =>
        index < cut && (undone.has(number) || verdict.incidents.some(({ start }) => start >= earliestStart)),
    );
    if (parted < 0) return cut;
    cut = parted;
  }
}

/** The search of `timeline`, for the settled timeline; `null` if most of its deployments are no longer in memory. */
function searchAfter(timeline: Timeline, { past, recent }: Timeline): RepairSearch | null {
  const search = takeSearch(timeline);
  if (!search || search.size > 2 * recent.length + chunkSize) return null;
  search.settle(past);
  return search;
}

/**
 * Unix seconds: start of the open episode if the ledger contains it; infinite: it does not, or none is open. Such an
 * episode had ended before, and was opened again by a failure in its last second or by a correction.
 */
function startOfAdded({ recent, episodes }: Timeline): number {
  const last = episodes.at(-1);
  if (!last || last.end !== null) return Number.POSITIVE_INFINITY;
  const isAdded = ({ at, credited }: Deployment) =>
    at >= last.start && credited !== neverCount && (credited & episodeBits) !== 0;
  return recent.some(isAdded) ? last.start : Number.POSITIVE_INFINITY;
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

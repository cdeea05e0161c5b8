/**
 * A series as it was known at moments, without hindsight: from memory if that reaches back far enough, else from the store.
 *
 * Guarantees: long work yields to the event loop; memory is bounded as that of the live state is.
 */

import { type Deployment, knownAt } from '../core/deployment.ts';
import { longestLimit } from '../core/failures/repair-search.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { retainedSeconds, type Window } from '../core/policy.ts';
import { runToEnd, runWithPauses } from '../core/portions.ts';
import { pairKey } from '../core/series/pair.ts';
import { reduceInPortions } from '../core/series/reducer.ts';
import { compact } from '../core/series/settle.ts';
import { atBase, createTimeline, type Timeline } from '../core/series/timeline.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { needsFirstSeen, rulesOf } from '../ingest/ingest-options.ts';
import { readSeries } from '../ingest/read-deployments.ts';
import { createPastOwner } from './past-owner.ts';

export interface TimelinesRequest {
  /** Its key. */
  readonly repo: number;
  readonly tier: string;
  /** The timelines reach back at least as far as this window. */
  readonly window: Window;
  /** Unix seconds in ascending order, at least one. */
  readonly moments: readonly number[];
}

export interface Reader {
  readonly pipelines: Reading['pipelines'];
  readonly yieldToEventLoop: () => Promise<void>;
}

/** Changes of so few deployments take less than a millisecond: no pause is worth its cost. */
const mostAtOnce = 200;

/** Calls `visit` with the timeline at each moment, in their order; never if the series has no timeline. */
export async function visitTimelines(
  ingest: Ingest,
  request: TimelinesRequest,
  { pipelines, yieldToEventLoop }: Reader,
  visit: (timeline: Timeline, at: number) => void,
): Promise<void> {
  const { mode, state } = ingest;
  const { repo, tier, window, moments } = request;
  const live = state.timelines.get(pairKey(repo, tier));
  if (!live) return;
  const ownerAt = await createPastOwner(state, request, pipelines);
  let judgedOwner: number | null | undefined;
  const begin = (moments[0] ?? 0) - window.seconds - longestLimit(live.rules.failures);
  // Another owner of the incidents may have had failures that the base of the live timeline does not have.
  const isInMemory = begin >= live.baseEnd && ownerAt === null;
  const found = state.repos.get(repo);
  let timeline = isInMemory
    ? atBase(live)
    : createTimeline(rulesOf(mode, tier), found && knownGroundOf(found));
  const selection = { only: { repo, tier }, withFirstSeen: needsFirstSeen(mode) };
  const slices = isInMemory ? [live.recent] : readSeries(pipelines, state.markOf, selection);

  /** Read, but not yet known. */
  let waiting: readonly Deployment[] = [];
  /** Takes the deployments that are known at a moment; `null`: the timeline stays as it is. */
  const takeKnown = (at: number): readonly Deployment[] | null => {
    const known = waiting.filter((one) => knownAt(one) <= at);
    if (known.length > 0) waiting = waiting.filter((one) => knownAt(one) > at);
    const inserted = known.filter((one) => one.at > timeline.baseEnd);
    const isDue = inserted.length > 0 || timeline.validUntil <= at || ownerAt?.(at) !== judgedOwner;
    return isDue ? inserted : null;
  };
  const retained = retainedSeconds(mode.policy, tier);
  const insert = async (inserted: readonly Deployment[], at: number, cutoff: number): Promise<void> => {
    judgedOwner = ownerAt?.(at);
    const surroundings = state.surroundingsOf(repo, tier, at, judgedOwner);
    const portions = reduceInPortions(timeline, { removed: [], inserted, surroundings, ledger: 'keep' });
    const isShort = timeline.recent.length + inserted.length <= mostAtOnce;
    const reduction = isShort ? runToEnd(portions) : await runWithPauses(portions, yieldToEventLoop);
    if (!reduction) throw new Error('Deployments were not read in order');
    timeline = isInMemory ? reduction.timeline : compact(reduction.timeline, cutoff);
  };
  const visitAt = async (at: number): Promise<void> => {
    const inserted = takeKnown(at);
    if (inserted) await insert(inserted, at, at - retained);
    visit(timeline, at);
  };
  let place = 0;
  for await (const slice of slices) {
    waiting = waiting.length === 0 ? slice : [...waiting, ...slice];
    const readUntil = slice.at(-1)?.at ?? 0;
    for (let at = moments[place]; at !== undefined && at < readUntil; at = moments[++place])
      await visitAt(at);
    const next = moments[place];
    if (next === undefined) return;
    const inserted = takeKnown(next);
    // Later slices must not reach into the base.
    if (inserted) await insert(inserted, next, Math.min(next - retained, readUntil - 1));
  }
  for (const at of moments.slice(place)) await visitAt(at);
}

/** The timeline at one moment; `null`: the series has no timeline. */
export async function timelineAt(
  ingest: Ingest,
  request: Omit<TimelinesRequest, 'moments'>,
  at: number,
  reader: Reader,
): Promise<Timeline | null> {
  let found: Timeline | null = null;
  await visitTimelines(ingest, { ...request, moments: [at] }, reader, (timeline) => {
    found = timeline;
  });
  return found;
}

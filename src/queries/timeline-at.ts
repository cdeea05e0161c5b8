/**
 * A series as it was known at moments, without hindsight: from memory if that reaches back far enough, else from the store.
 *
 * Guarantees: long work yields to the event loop; memory is bounded as that of the live state is.
 */

import { type Deployment, knownAt } from '../core/deployment.ts';
import { longestLimit } from '../core/failures/repair-search.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { retainedSeconds, type Window } from '../core/policy.ts';
import { pairKey } from '../core/series/pair.ts';
import { reduceInSteps } from '../core/series/reducer.ts';
import { compact } from '../core/series/settle.ts';
import { atBase, createTimeline, type Timeline } from '../core/series/timeline.ts';
import { runWithPauses } from '../core/steps.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { needsFirstSeen, rulesOf } from '../ingest/ingest-options.ts';
import { readSeries } from '../ingest/read-deployments.ts';

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

/** The timeline at each moment; none if the series has no timeline. */
export async function* timelinesAt(
  ingest: Ingest,
  request: TimelinesRequest,
  { pipelines, yieldToEventLoop }: Reader,
): AsyncGenerator<Timeline> {
  const { mode, state } = ingest;
  const { repo, tier, window, moments } = request;
  const live = state.timelines.get(pairKey(repo, tier));
  if (!live) return;
  const begin = (moments[0] ?? 0) - window.seconds - longestLimit(live.rules.failures);
  const isInMemory = begin >= live.baseEnd;
  const known = state.repos.get(repo);
  let timeline = isInMemory
    ? atBase(live)
    : createTimeline(rulesOf(mode, tier), known && knownGroundOf(known));
  const selection = { only: { repo, tier }, withFirstSeen: needsFirstSeen(mode) };
  const slices = isInMemory ? [live.recent] : readSeries(pipelines, state.markOf, selection);

  /** Read, but not yet known. */
  let waiting: readonly Deployment[] = [];
  const retained = retainedSeconds(mode.policy, tier);
  const moveTo = async (at: number, cutoff = at - retained): Promise<Timeline> => {
    const inserted = waiting.filter((one) => knownAt(one) <= at && one.at > timeline.baseEnd);
    waiting = waiting.filter((one) => knownAt(one) > at);
    if (inserted.length === 0 && timeline.validUntil > at) return timeline;
    const surroundings = state.surroundingsOf(repo, tier, at);
    const steps = reduceInSteps(timeline, { removed: [], inserted, surroundings, ledger: 'keep' });
    const reduction = await runWithPauses(steps, yieldToEventLoop);
    if (!reduction) throw new Error('Deployments were not read in order');
    timeline = isInMemory ? reduction.timeline : compact(reduction.timeline, cutoff);
    return timeline;
  };
  let place = 0;
  for await (const slice of slices) {
    waiting = [...waiting, ...slice];
    const readUntil = slice.at(-1)?.at ?? 0;
    for (let at = moments[place]; at !== undefined && at < readUntil; at = moments[++place])
      yield await moveTo(at);
    const next = moments[place];
    if (next === undefined) return;
    // Later slices must not reach into the base.
    await moveTo(next, Math.min(next - retained, readUntil - 1));
  }
  for (const at of moments.slice(place)) yield await moveTo(at);
}

/** The timeline at one moment; `null`: the series has no timeline. */
export async function timelineAt(
  ingest: Ingest,
  request: Omit<TimelinesRequest, 'moments'>,
  at: number,
  reader: Reader,
): Promise<Timeline | null> {
  for await (const timeline of timelinesAt(ingest, { ...request, moments: [at] }, reader)) return timeline;
  return null;
}

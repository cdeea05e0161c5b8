/**
 * A series as it was known at a moment, without hindsight: from memory if that reaches back far enough, else from the store.
 *
 * Guarantees: long work yields to the event loop; what is held is bounded as the live state is.
 */

import { type Deployment, knownAt } from '../core/deployment.ts';
import { longestLimit } from '../core/failures/repair-search.ts';
import { knownGroundOf } from '../core/known-ground.ts';
import { retainedSeconds, type Window } from '../core/policy.ts';
import type { Surroundings } from '../core/series/judged.ts';
import { pairKey } from '../core/series/pair.ts';
import { reduceInSteps } from '../core/series/reducer.ts';
import { compact } from '../core/series/settle.ts';
import { atBase, createTimeline, type Timeline } from '../core/series/timeline.ts';
import { runWithPauses } from '../core/steps.ts';
import type { Ingest, Reading } from '../ingest/ingest.ts';
import { needsFirstSeen, rulesOf } from '../ingest/ingest-options.ts';
import { readSeries } from '../ingest/read-deployments.ts';
import { createEventLoopYield } from '../util/clock.ts';

export interface TimelineRequest {
  /** Its key. */
  readonly repo: number;
  readonly tier: string;
  /** It reaches back at least as far as this window. */
  readonly window: Window;
  /** Unix seconds. */
  readonly at: number;
}

/** `null`: the series has no timeline. */
export async function timelineAt(
  { mode, state }: Ingest,
  { repo, tier, window, at }: TimelineRequest,
  pipelines: Reading['pipelines'],
): Promise<Timeline | null> {
  const timeline = state.timelines.get(pairKey(repo, tier));
  if (!timeline) return null;
  const surroundings = state.surroundingsOf(repo, tier, at);
  const wasKnown = (deployment: Deployment) => knownAt(deployment) <= at;
  const yieldToEventLoop = createEventLoopYield();
  const begin = at - window.seconds - longestLimit(timeline.rules.failures);
  if (begin >= timeline.baseEnd) {
    return insert(atBase(timeline), timeline.recent.filter(wasKnown), surroundings, yieldToEventLoop);
  }
  const known = state.repos.get(repo);
  let read = createTimeline(rulesOf(mode, tier), known && knownGroundOf(known));
  const selection = { only: { repo, tier }, withFirstSeen: needsFirstSeen(mode) };
  for await (const slice of readSeries(pipelines, state.markOf, selection)) {
    const extended = await insert(read, slice.filter(wasKnown), surroundings, yieldToEventLoop);
    read = compact(extended, at - retainedSeconds(mode.policy, tier));
    if ((slice.at(-1)?.at ?? 0) > at) break;
  }
  return read;
}

async function insert(
  timeline: Timeline,
  inserted: readonly Deployment[],
  surroundings: Surroundings,
  yieldToEventLoop: () => Promise<void>,
): Promise<Timeline> {
  const steps = reduceInSteps(timeline, { removed: [], inserted, surroundings, ledger: 'keep' });
  return (await runWithPauses(steps, yieldToEventLoop))?.timeline ?? timeline;
}

/** What is shown now, from memory. */

import type { LooksFor, Policy, Window } from '../core/policy.ts';
import type { Projection } from '../core/series/samples.ts';
import { findSeries, shownSeries } from '../core/series/shown-series.ts';
import type { State } from '../core/series/state.ts';
import { figuresIn } from '../core/windows/window-figures.ts';
import { createEventLoopYield } from '../util/clock.ts';
import type { Moment } from './moments.ts';
import { createCollector, lastFailedOf } from './tier-deployments.ts';

export interface PresentOptions {
  readonly state: State;
  readonly projection: Projection;
  /** It has the same windows as the projection. */
  readonly policy: Pick<Policy, 'windows'> & LooksFor;
  readonly window: Window;
  /** Unix seconds. */
  readonly now: number;
  /** What was shown of the window last. */
  readonly before: Moment | undefined;
}

/** The projection stays the same object as long as nothing enters or leaves a window. */
export async function presentMoment({
  state,
  projection,
  policy,
  window,
  now,
  before,
}: PresentOptions): Promise<Moment> {
  const yieldToEventLoop = createEventLoopYield();
  const projected = await projection.prepared(now, yieldToEventLoop);
  const figuresOf: Moment['figuresOf'] = (sample) => figuresIn(sample, policy, window, now);
  if (before?.projected === projected) return { ...before, at: now, figuresOf };
  const collector = createCollector(window, now);
  for (const { repo, tier, timelines } of shownSeries(state).values()) {
    for (const timeline of timelines) {
      collector.add(repo, tier, timeline);
      await yieldToEventLoop();
    }
  }
  return {
    at: now,
    projected,
    figuresOf,
    tiers: collector.finish(),
    lastFailed: ({ repo, tier }) => lastFailedOf(findSeries(state, repo, tier)?.timelines ?? []),
  };
}

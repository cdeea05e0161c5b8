/** The shown samples of a state, for tests that need them once. */

import type { Deployment } from '../../src/core/deployment.ts';
import { defaultRules } from '../../src/core/figures/figure.ts';
import { defaultPolicy, type Window } from '../../src/core/policy.ts';
import { nothingAround } from '../../src/core/series/judged.ts';
import { reduce } from '../../src/core/series/reducer.ts';
import { createProjection, type Projected, type SeriesSample } from '../../src/core/series/samples.ts';
import type { State } from '../../src/core/series/state.ts';
import { createTimeline, type Timeline } from '../../src/core/series/timeline.ts';
import { inAscendingOrder } from '../../src/core/windows/values.ts';
import { windowsOf } from '../../src/core/windows/window-content.ts';
import { type GaugeValues, nameGauges } from './gauges.ts';

/** A timeline before any deployment, under the default rules. */
export const emptyTimeline = createTimeline(defaultRules);

/** The timeline after these deployments, which arrive at once. */
export function timelineOf(inserted: readonly Deployment[], rules = defaultRules): Timeline {
  const reduction = reduce(createTimeline(rules), { removed: [], inserted, surroundings: nothingAround });
  if (!reduction) throw new Error('The change reaches into the base');
  return reduction.timeline;
}

/** All series that are shown, without windows. */
export function project(state: State): readonly SeriesSample[] {
  return createProjection(state, { ...defaultPolicy, windows: [] }).at(0).series;
}

/** All that is shown at `now` (Unix seconds). */
export function projectWindows(state: State, windows: readonly Window[], now: number): Projected {
  return createProjection(state, { ...defaultPolicy, windows }).at(now);
}

export interface ShownPair extends GaugeValues {
  readonly deployments: number;
  readonly failures: number;
}

/** The shown values of one pair, by name; `null`: the pair is not shown. */
export function projectPair(state: State, repo: string, tier = 'unassigned'): ShownPair | null {
  const sample = project(state).find((one) => one.repo === repo && one.tier === tier);
  if (!sample) return null;
  const { counters } = sample.totals;
  return {
    ...nameGauges(sample.gauges),
    deployments: counters['dora_deployments_total'] ?? -1,
    failures: counters['dora_deployment_failures_total'] ?? -1,
  };
}

/** The windows of timelines, with values as sorted lists: their runs follow from the chunks, which may differ. */
export function plainWindows(timelines: readonly Timeline[], windows: readonly Window[], now: number) {
  const held = windowsOf(timelines, windows, now);
  const contents = held.windows.map((one) => ({ ...one, samples: one.samples.map(inAscendingOrder) }));
  return { ...held, windows: contents };
}

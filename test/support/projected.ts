/** What is shown of a state, for tests that look at it once. */

import type { Window } from '../../src/core/policy.ts';
import { defaultRules } from '../../src/core/policy.ts';
import { createProjection, type Projected, type SeriesSample } from '../../src/core/projection.ts';
import type { State } from '../../src/core/state.ts';
import { createTimeline } from '../../src/core/timeline.ts';

/** A timeline before any deployment, under the default rules. */
export const emptyTimeline = createTimeline(defaultRules);

/** All series that are shown, without windows. */
export function project(state: State): readonly SeriesSample[] {
  return createProjection(state, []).at(0).series;
}

/** All that is shown at `now` (Unix seconds). */
export function projectWindows(state: State, windows: readonly Window[], now: number): Projected {
  return createProjection(state, windows).at(now);
}

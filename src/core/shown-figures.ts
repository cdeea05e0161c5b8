/** The figures of all series and tiers over one window, as they are or were shown at a moment. */

import type { Window } from './policy.ts';
import type { Projected, SeriesSample } from './series/samples.ts';
import type { TierSample } from './windows/tier-windows.ts';
import type { WindowFigures } from './windows/window-figures.ts';

export interface ShownFigures {
  readonly projected: Projected;
  /** Of a sample of the projected series or tiers; `null`: nothing is shown of it. */
  figuresOf(sample: SeriesSample | TierSample): WindowFigures | null;
}

/** Of the past; `at` in Unix seconds. Rejects with `StoreUnavailable`. */
export type ShowPastFigures = (window: Window, at: number) => Promise<ShownFigures>;

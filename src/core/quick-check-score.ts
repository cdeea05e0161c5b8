/**
 * The score of dora.dev's Quick Check (https://dora.dev/quickcheck/), from measured figures instead of a person's
 * answers. If nothing of the window is known, no figure has a score. The overall score is the mean of the known ones.
 */

import { type FigureName, quickCheckFigures } from './figures/index.ts';
import type { FigureScore } from './figures/shown-figure.ts';
import { mapRecord } from './map-record.ts';
import type { Window } from './policy.ts';
import type { WindowFigures } from './windows/window-figures.ts';

type ScoredName = keyof typeof quickCheckFigures;

export const scoredFigures = Object.keys(quickCheckFigures) as readonly ScoredName[];

/** Classes and means change from year to year: a score says little without the edition. */
export const edition = 'dora.dev Quick Check, 2025 data';

export const publishedMeans = mapRecord(quickCheckFigures, ({ quickCheck }) => quickCheck.publishedMean);

export interface Score {
  /** Mean of the known scores, from 0 to 10; `null`: none is known. */
  readonly overall: number | null;
  readonly figures: Readonly<Record<ScoredName, FigureScore | null>>;
  /** Figures without a score. */
  readonly missing: readonly ScoredName[];
}

/** Scores by the names of figures; a figure without a question has none. */
export type FigureScores = Readonly<Partial<Record<FigureName, FigureScore | null>>>;

export function scoreOf(figures: WindowFigures, window: Window): Score {
  const scores = mapRecord(quickCheckFigures, ({ quickCheck }) =>
    figures.coverage === 0 ? null : quickCheck.scoreOf(figures, window),
  );
  const known = Object.values(scores).flatMap((one) => one?.score ?? []);
  return {
    overall: known.length === 0 ? null : known.reduce((sum, score) => sum + score, 0) / known.length,
    figures: scores,
    missing: scoredFigures.filter((name) => scores[name] === null),
  };
}

/** The figures on pages: values in their units, comparisons and scores. */

import { type FigureName, figuresByName, type NamedFigure } from '../core/figures/index.ts';
import type { FigureScore } from '../core/figures/shown-figure.ts';
import { mapRecord } from '../core/map-record.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { duration, durationOf, percentageOf, type Quantity, quantityWords } from './words.ts';

interface Unit {
  readonly quantityOf: (value: number) => Quantity;
  /** The change without a sign. It is the difference of the shown values, so that the three numbers agree. */
  readonly writeChange: (shown: Quantity, before: Quantity) => string;
}

const units: Readonly<Record<NamedFigure['unit'], Unit>> = {
  perDay: { quantityOf: frequencyOf, writeChange: ratio },
  seconds: { quantityOf: durationOf, writeChange: timeBetween },
  ratio: { quantityOf: percentageOf, writeChange: pointsBetween },
};

export type PageFigure = NamedFigure &
  Unit & { readonly key: FigureName; readonly write: (value: number) => string };

export const pageFigures: readonly PageFigure[] = Object.values(
  mapRecord<FigureName, NamedFigure, PageFigure>(figuresByName, (figure, key) => {
    const unit = units[figure.unit];
    return { ...figure, ...unit, key, write: (value) => quantityWords(unit.quantityOf(value)) };
  }),
);

/** The value in its unit; a dash if it is unknown. */
export function valueWords(figure: PageFigure, figures: WindowFigures): string {
  const value = figure.valueOf(figures);
  return value === null ? '–' : figure.write(value);
}

/** The difference of two values with at most one decimal has at most one, too. */
function distance(a: Quantity, b: Quantity): number {
  return Number(Math.abs(a.value - b.value).toFixed(1));
}

function amountOf({ value, size }: Quantity): number {
  return value * size;
}

function pointsBetween(shown: Quantity, before: Quantity): string {
  const points = distance(shown, before);
  return `${points} ${points === 1 ? 'point' : 'points'}`;
}

function timeBetween(shown: Quantity, before: Quantity): string {
  if (shown.unit === before.unit) return quantityWords({ ...shown, value: distance(shown, before) });
  return duration(Math.abs(amountOf(shown) - amountOf(before)));
}

function ratio(shown: Quantity, before: Quantity): string {
  if (before.value === 0) return 'from none';
  const change = Math.round(Math.abs(amountOf(shown) / amountOf(before) - 1) * 100);
  return change === 0 ? 'less than 1 %' : `${change} %`;
}

/** Deployments per day, in the shortest unit with at least one deployment. */
function frequencyOf(perDay: number): Quantity {
  const rounded = (value: number) => Number(value.toFixed(1));
  if (perDay >= 1) return { value: rounded(perDay), unit: 'a day', size: 1 };
  if (perDay * 7 >= 1) return { value: rounded(perDay * 7), unit: 'a week', size: 1 / 7 };
  return { value: rounded(perDay * 30), unit: 'a month', size: 1 / 30 };
}

export type Level = 'high' | 'middle' | 'low';

/** Three levels of the Quick Check's score, for colours. The score itself is always beside the colour. */
export function levelOf({ score }: Pick<FigureScore, 'score'>): Level {
  return score >= 8 ? 'high' : score >= 5 ? 'middle' : 'low';
}

/** The class in few words; `null`: the figure has none. */
export function classWords({ quickCheck }: PageFigure, { class: found }: FigureScore): string | null {
  return found && (quickCheck?.shortWords?.[found.number] ?? found.words.toLowerCase());
}

export function scoreWords({ score }: Pick<FigureScore, 'score'>): string {
  return String(Number(score.toFixed(1)));
}

export interface Comparison {
  /** Whether more than before, less, or the same. */
  readonly direction: 'up' | 'down' | 'same';
  readonly isBetter: boolean;
  readonly words: string;
}

/** A value compared with the value of the window before; `null` if either is unknown. */
export function compare(figure: PageFigure, value: number | null, before: number | null): Comparison | null {
  if (value === null || before === null) return null;
  const [shown, shownBefore] = [figure.quantityOf(value), figure.quantityOf(before)];
  const growth = amountOf(shown) - amountOf(shownBefore);
  // In different units, rounded values may differ in the other direction than the values.
  const isAgainst = growth * (value - before) < 0;
  if (Math.abs(growth) < leastGrowth || isAgainst)
    return { direction: 'same', isBetter: false, words: 'as before' };
  const isBetter = growth > 0 === figure.isMoreBetter;
  const words = `${figure.writeChange(shown, shownBefore)}, ${isBetter ? 'better' : 'worse'}`;
  return { direction: growth > 0 ? 'up' : 'down', isBetter, words };
}

/** Below any difference of two shown values, above the error of floating-point numbers. */
const leastGrowth = 1e-6;

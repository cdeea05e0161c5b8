/** The figures as pages show them: values in their units, what is better, and the score. */

import { type FigureName, figuresByName, type NamedFigure } from '../core/figures/index.ts';
import type { FigureScore } from '../core/figures/shown-figure.ts';
import { mapRecord } from '../core/map-record.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { duration, durationOf, percentageOf, type Quantity, quantityWords } from './words.ts';

interface Unit {
  readonly quantityOf: (value: number) => Quantity;
  /** How much it changed, without a sign. It follows from the shown values, so that all three add up. */
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

/** Two values of one unit have one decimal at most; so has their distance. */
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

/** Deployments per day, in the unit that leaves at least one. */
function frequencyOf(perDay: number): Quantity {
  const rounded = (value: number) => Number(value.toFixed(1));
  if (perDay >= 1) return { value: rounded(perDay), unit: 'a day', size: 1 };
  if (perDay * 7 >= 1) return { value: rounded(perDay * 7), unit: 'a week', size: 1 / 7 };
  return { value: rounded(perDay * 30), unit: 'a month', size: 1 / 30 };
}

export type Level = 'high' | 'middle' | 'low';

/** Three levels of the Quick Check's score, for colours; the score itself is always written beside. */
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
  // Rounded to different units, a value may seem to move against itself.
  const isAgainst = growth * (value - before) < 0;
  if (Math.abs(growth) < leastGrowth || isAgainst)
    return { direction: 'same', isBetter: false, words: 'as before' };
  const isBetter = growth > 0 === figure.isMoreBetter;
  const words = `${figure.writeChange(shown, shownBefore)}, ${isBetter ? 'better' : 'worse'}`;
  return { direction: growth > 0 ? 'up' : 'down', isBetter, words };
}

/** Less than any difference of two shown values, more than an error of floating-point numbers. */
const leastGrowth = 1e-6;

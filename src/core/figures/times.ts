/** Parts of figures that are times from minutes to months. */

import { type Class, day, hour, month, scoreClass, week } from './quick-check.ts';
import type { FigureScore, TimeFigure } from './shown-figure.ts';

const minute = 60;

/** Upper bounds of the buckets, in seconds. */
export const longTimeBuckets: readonly number[] = [
  5 * minute,
  15 * minute,
  hour,
  4 * hour,
  day,
  3 * day,
  7 * day,
  30 * day,
  180 * day,
];

/** The best first. */
export const timeClasses: readonly Class[] = [
  { number: 6, words: 'Less than one hour', holds: (seconds) => seconds < hour },
  { number: 5, words: 'Less than one day', holds: (seconds) => seconds < day },
  { number: 4, words: 'One day to one week', holds: (seconds) => seconds <= week },
  { number: 3, words: 'One week to one month', holds: (seconds) => seconds <= month },
  { number: 2, words: 'One to six months', holds: (seconds) => seconds <= 6 * month },
  { number: 1, words: 'More than six months', holds: () => true },
];

export function scoreTime({ median }: TimeFigure): FigureScore | null {
  return median === null ? null : scoreClass(timeClasses, median);
}

type Write = (seconds: number) => string;

/** `none`: the words if there are no samples. */
export function timeDetail({ samples, p95 }: TimeFigure, none: string, write: Write): string {
  return p95 === null ? none : `median of ${samples}, p95 ${write(p95)}`;
}

/** `one` and `many`: the noun of a sample. */
export function timeExplanation(
  { samples, p95 }: TimeFigure,
  { one, many }: { readonly one: string; readonly many: string },
  write: Write,
): string {
  if (p95 === null) return `no ${one} in the window to tell it`;
  return `median of ${samples} ${samples === 1 ? one : many}; 95th percentile ${write(p95)}`;
}

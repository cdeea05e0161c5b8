/**
 * Classes of dora.dev's Quick Check (https://dora.dev/quickcheck/). Their words and points are the Quick Check's own; this
 * service decides the class of a measured value. It is the best one whose words are true of the value: "between once per
 * hour and once per day" and "multiple deploys per day" are both true of two a day.
 */

import type { FigureScore } from './shown-figure.ts';

export interface Class {
  /** From 1, the worst, to 6. */
  readonly number: number;
  readonly words: string;
  /** Whether the value is in this class or a better one. */
  readonly holds: (value: number) => boolean;
}

export const hour = 3600;
export const day = 24 * hour;
export const week = 7 * day;
/** A twelfth of 365 days. */
export const month = (365 / 12) * day;

/** `classes`: the best first. */
export function scoreClass(classes: readonly Class[], value: number): FigureScore | null {
  const found = classes.find(({ holds }) => holds(value));
  return found
    ? { score: (found.number - 1) * 2, class: { number: found.number, words: found.words } }
    : null;
}

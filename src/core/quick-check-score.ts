/**
 * The score of dora.dev's Quick Check (https://dora.dev/quickcheck/), from measured figures instead of a person's
 * answers.
 *
 * The classes, their words and their points are the Quick Check's own; this file decides the class of a measured value.
 * It is the best one whose words are true of the value: "between once per hour and once per day" and "multiple deploys
 * per day" are both true of two a day. Scores of times use medians. An unknown figure has no score. If nothing of the
 * window is known, no figure has one. The overall score is the mean of the known ones.
 */

import type { Window } from './policy.ts';
import type { TimeFigure, WindowFigures } from './windows/window-figures.ts';

export const scoredFigures = [
  'change_lead_time',
  'deployment_frequency',
  'failed_deployment_recovery_time',
  'change_fail_rate',
  'deployment_rework_rate',
] as const;
export type ScoredFigure = (typeof scoredFigures)[number];

/** Classes and means change from year to year: a score says little without the edition. */
export const edition = 'dora.dev Quick Check, 2025 data';

/** Mean score of all answers, over all industries. */
export const publishedMeans: Readonly<Record<ScoredFigure, number>> = {
  change_lead_time: 5.5,
  deployment_frequency: 4.8,
  failed_deployment_recovery_time: 7.4,
  change_fail_rate: 8.1,
  deployment_rework_rate: 7.8,
};

const hour = 3600;
const day = 24 * hour;
const week = 7 * day;
/** A twelfth of 365 days. */
const month = (365 / 12) * day;
const sixMonths = 6 * month;

interface Class {
  /** From 1, the worst, to 6. */
  readonly number: number;
  readonly words: string;
  /** Whether the value is in this class or a better one; seconds, or deployments per second. */
  readonly holds: (value: number) => boolean;
}

/** Classes of lead time and recovery time, the best first. */
export const timeClasses: readonly Class[] = [
  { number: 6, words: 'Less than one hour', holds: (seconds) => seconds < hour },
  { number: 5, words: 'Less than one day', holds: (seconds) => seconds < day },
  { number: 4, words: 'One day to one week', holds: (seconds) => seconds <= week },
  { number: 3, words: 'One week to one month', holds: (seconds) => seconds <= month },
  { number: 2, words: 'One to six months', holds: (seconds) => seconds <= sixMonths },
  { number: 1, words: 'More than six months', holds: () => true },
];

/** The best first. */
export const frequencyClasses: readonly Class[] = [
  { number: 6, words: 'On demand (multiple deploys per day)', holds: (rate) => rate >= 2 / day },
  { number: 5, words: 'Between once per hour and once per day', holds: (rate) => rate >= 1 / day },
  { number: 4, words: 'Between once per day and once per week', holds: (rate) => rate >= 1 / week },
  { number: 3, words: 'Between once per week and once per month', holds: (rate) => rate >= 1 / month },
  {
    number: 2,
    words: 'Between once per month and once every six months',
    holds: (rate) => rate >= 1 / sixMonths,
  },
  { number: 1, words: 'Less than once per six months', holds: () => true },
];

export interface Score {
  /** Mean of the known scores, from 0 to 10; `null`: none is known. */
  readonly overall: number | null;
  readonly figures: Readonly<Record<ScoredFigure, FigureScore | null>>;
  /** Figures without a score. */
  readonly missing: readonly ScoredFigure[];
}

export interface FigureScore {
  /** From 0 to 10. */
  readonly score: number;
  /** `null` if the figure is a percentage. */
  readonly class: { readonly number: number; readonly words: string } | null;
}

export function scoreOf(figures: WindowFigures, window: Window): Score {
  const scores = figures.coverage === 0 ? noScores : scoresOf(figures, window);
  const known = scoredFigures.flatMap((figure) => scores[figure]?.score ?? []);
  return {
    overall: known.length === 0 ? null : known.reduce((sum, score) => sum + score, 0) / known.length,
    figures: scores,
    missing: scoredFigures.filter((figure) => scores[figure] === null),
  };
}

const noScores: Score['figures'] = {
  change_lead_time: null,
  deployment_frequency: null,
  failed_deployment_recovery_time: null,
  change_fail_rate: null,
  deployment_rework_rate: null,
};

function scoresOf(figures: WindowFigures, window: Window): Score['figures'] {
  return {
    change_lead_time: scoreTime(figures.changeLeadTime),
    deployment_frequency: scoreFrequency(figures, window),
    failed_deployment_recovery_time: scoreTime(figures.recoveryTime),
    change_fail_rate: scoreRate(figures.changeFailRate),
    deployment_rework_rate: scoreRate(figures.reworkRate),
  };
}

function scoreTime({ median }: TimeFigure): FigureScore | null {
  return median === null ? null : scoreClass(timeClasses, median);
}

/**
 * `null` if the frequency is unknown, if the window is not wholly known, or if it is empty and shorter than six months:
 * several classes are then true.
 */
function scoreFrequency(
  { deployments, deploymentsPerDay, coverage }: WindowFigures,
  { seconds }: Window,
): FigureScore | null {
  const isKnown = coverage === 1 && deploymentsPerDay !== null;
  if (!isKnown || (deployments === 0 && seconds < sixMonths)) return null;
  return scoreClass(frequencyClasses, deployments / seconds);
}

function scoreRate(rate: number | null): FigureScore | null {
  return rate === null ? null : { score: 10 - rate * 10, class: null };
}

function scoreClass(classes: readonly Class[], value: number): FigureScore | null {
  const found = classes.find(({ holds }) => holds(value));
  return found
    ? { score: (found.number - 1) * 2, class: { number: found.number, words: found.words } }
    : null;
}

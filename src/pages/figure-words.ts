/** The five figures as pages show them: name, value, what is better, and the score. */

import type { FigureScore, ScoredFigure } from '../core/quick-check-score.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { duration, durationOf, percent, percentageOf, type Quantity, quantityWords } from './words.ts';

export interface ShownFigure {
  readonly key: ScoredFigure;
  readonly name: string;
  /** What is compared and drawn; `null`: unknown. */
  readonly valueOf: (figures: WindowFigures) => number | null;
  readonly write: (value: number) => string;
  /** The same as `write`, as a number. */
  readonly quantityOf: (value: number) => Quantity;
  /** What stands for an unknown value; a dash by default. */
  readonly writeUnknown?: (figures: WindowFigures) => string;
  /** How much it changed, without a sign. It follows from the shown values, so that all three add up. */
  readonly writeChange: (shown: Quantity, before: Quantity) => string;
  readonly isMoreBetter: boolean;
  /** What the value is made of. */
  readonly detail: (figures: WindowFigures) => string;
}

const noneWords = 'no deployment in the window';

export const shownFigures: readonly ShownFigure[] = [
  {
    key: 'deployment_frequency',
    name: 'Deployment frequency',
    valueOf: ({ deploymentsPerDay }) => deploymentsPerDay,
    write: perTime,
    quantityOf: frequencyOf,
    writeChange: ratio,
    isMoreBetter: true,
    writeUnknown: ({ deployments }) => String(deployments),
    detail: ({ deployments, deploymentsPerDay }) => {
      const noun = deployments === 1 ? 'deployment' : 'deployments';
      return deploymentsPerDay === null ? `${noun}, known for less than a day` : `${deployments} ${noun}`;
    },
  },
  {
    key: 'change_lead_time',
    name: 'Change lead time',
    valueOf: ({ changeLeadTime }) => changeLeadTime.median,
    write: duration,
    quantityOf: durationOf,
    writeChange: timeBetween,
    isMoreBetter: false,
    detail: ({ changeLeadTime: { samples, p95 } }) =>
      p95 === null ? 'no commit with a known time' : `median of ${samples}, p95 ${duration(p95)}`,
  },
  {
    key: 'change_fail_rate',
    name: 'Change fail rate',
    valueOf: ({ changeFailRate }) => changeFailRate,
    write: percent,
    quantityOf: percentageOf,
    writeChange: pointsBetween,
    isMoreBetter: false,
    detail: ({ deployments, failedDeployments }) =>
      deployments === 0 ? noneWords : `${failedDeployments} of ${deployments} failed`,
  },
  {
    key: 'failed_deployment_recovery_time',
    name: 'Recovery time',
    valueOf: ({ recoveryTime }) => recoveryTime.median,
    write: duration,
    quantityOf: durationOf,
    writeChange: timeBetween,
    isMoreBetter: false,
    detail: ({ recoveryTime: { samples, p95 } }) =>
      p95 === null ? 'no recovery in the window' : `median of ${samples}, p95 ${duration(p95)}`,
  },
  {
    key: 'deployment_rework_rate',
    name: 'Rework rate',
    valueOf: ({ reworkRate }) => reworkRate,
    write: percent,
    quantityOf: percentageOf,
    writeChange: pointsBetween,
    isMoreBetter: false,
    detail: ({ deployments, reworkDeployments }) => {
      if (reworkDeployments === null) return 'the policy does not look for it';
      return deployments === 0 ? noneWords : `${reworkDeployments} of ${deployments} unplanned`;
    },
  },
];

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

export function perTime(perDay: number): string {
  return quantityWords(frequencyOf(perDay));
}

export type Level = 'high' | 'middle' | 'low';

/** Three levels of the Quick Check's score, for colours; the score itself is always written beside. */
export function levelOf({ score }: Pick<FigureScore, 'score'>): Level {
  return score >= 8 ? 'high' : score >= 5 ? 'middle' : 'low';
}

/** Classes of the frequency in few words; the Quick Check's own are long. */
const frequencyWords: Readonly<Record<number, string>> = {
  6: 'several a day',
  5: 'hourly to daily',
  4: 'daily to weekly',
  3: 'weekly to monthly',
  2: 'monthly to half-yearly',
  1: 'less than half-yearly',
};

/** The class in few words; `null`: the figure has none. */
export function classWords(key: ScoredFigure, { class: found }: FigureScore): string | null {
  if (!found) return null;
  return key === 'deployment_frequency'
    ? (frequencyWords[found.number] ?? found.words)
    : found.words.toLowerCase();
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
export function compare(figure: ShownFigure, value: number | null, before: number | null): Comparison | null {
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

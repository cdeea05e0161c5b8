/** The five figures as pages show them: name, value, what is better, and the score. */

import type { FigureScore, ScoredFigure } from '../core/quick-check-score.ts';
import type { WindowFigures } from '../core/windows/window-figures.ts';
import { duration, percent } from './words.ts';

export interface ShownFigure {
  readonly key: ScoredFigure;
  readonly name: string;
  /** What is compared and drawn; `null`: unknown. */
  readonly valueOf: (figures: WindowFigures) => number | null;
  readonly write: (value: number) => string;
  /** What stands for an unknown value; a dash by default. */
  readonly writeUnknown?: (figures: WindowFigures) => string;
  /** How much it changed, without a sign. */
  readonly writeChange: (value: number, before: number) => string;
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
    writeChange: (value, before) =>
      before === 0 ? 'from none' : `${Math.round(Math.abs(value / before - 1) * 100)} %`,
    isMoreBetter: true,
    writeUnknown: ({ deployments }) => String(deployments),
    detail: ({ deployments, deploymentsPerDay }) => {
      if (deploymentsPerDay === null) return 'deployments, known for less than a day';
      return `${deployments} ${deployments === 1 ? 'deployment' : 'deployments'}`;
    },
  },
  {
    key: 'change_lead_time',
    name: 'Change lead time',
    valueOf: ({ changeLeadTime }) => changeLeadTime.median,
    write: duration,
    writeChange: (value, before) => duration(Math.abs(value - before)),
    isMoreBetter: false,
    detail: ({ changeLeadTime: { samples, p95 } }) =>
      p95 === null ? 'no commit with a known time' : `median of ${samples}, p95 ${duration(p95)}`,
  },
  {
    key: 'change_fail_rate',
    name: 'Change fail rate',
    valueOf: ({ changeFailRate }) => changeFailRate,
    write: percent,
    writeChange: points,
    isMoreBetter: false,
    detail: ({ deployments, failedDeployments }) =>
      deployments === 0 ? noneWords : `${failedDeployments} of ${deployments} failed`,
  },
  {
    key: 'failed_deployment_recovery_time',
    name: 'Recovery time',
    valueOf: ({ recoveryTime }) => recoveryTime.median,
    write: duration,
    writeChange: (value, before) => duration(Math.abs(value - before)),
    isMoreBetter: false,
    detail: ({ recoveryTime: { samples, p95 } }) =>
      p95 === null ? 'no recovery in the window' : `median of ${samples}, p95 ${duration(p95)}`,
  },
  {
    key: 'deployment_rework_rate',
    name: 'Rework rate',
    valueOf: ({ reworkRate }) => reworkRate,
    write: percent,
    writeChange: points,
    isMoreBetter: false,
    detail: ({ deployments, reworkDeployments }) => {
      if (reworkDeployments === null) return 'the policy does not look for it';
      return deployments === 0 ? noneWords : `${reworkDeployments} of ${deployments} unplanned`;
    },
  },
];

function points(value: number, before: number): string {
  return `${Number((Math.abs(value - before) * 100).toFixed(1))} points`;
}

/** Deployments per day, in the unit that leaves at least one. */
export function perTime(perDay: number): string {
  if (perDay >= 1) return `${Number(perDay.toFixed(1))} a day`;
  if (perDay * 7 >= 1) return `${Number((perDay * 7).toFixed(1))} a week`;
  return `${Number((perDay * 30).toFixed(1))} a month`;
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

/** A value against that of the window before; `null` if either is unknown. */
export function compare(figure: ShownFigure, value: number | null, before: number | null): Comparison | null {
  if (value === null || before === null) return null;
  if (figure.write(value) === figure.write(before)) {
    return { direction: 'same', isBetter: false, words: 'as before' };
  }
  const isBetter = value > before === figure.isMoreBetter;
  const words = `${figure.writeChange(value, before)}, ${isBetter ? 'better' : 'worse'}`;
  return { direction: value > before ? 'up' : 'down', isBetter, words };
}

/**
 * The five figures of one window: rates if there is something to divide by, quantiles with the number of samples behind
 * them.
 */

import { type LooksFor, looksForRework, type Policy, type Window } from '../policy.ts';
import type { Cause } from '../verdict.ts';
import { knownSeconds } from './coverage.ts';
import type { TierShare } from './tier-windows.ts';
import { noValues, quantileOf } from './values.ts';
import { type WindowContent, windowCounts, windowDistributions } from './window-content.ts';

export interface WindowFigures {
  readonly deployments: number;
  readonly failedDeployments: number;
  /** How many of them each cause shows; a deployment may have several, and causes without any are left out. */
  readonly failedByCause: Readonly<Partial<Record<Cause, number>>>;
  /** Null if the policy does not look for rework in the tier. */
  readonly reworkDeployments: number | null;
  /** Over the known part of the window; `null` if that is less than a day. */
  readonly deploymentsPerDay: number | null;
  /** From 0 to 1; `null` without a deployment: no deployments are no rate of 0. */
  readonly changeFailRate: number | null;
  /** The same; null also if the policy does not look for rework. */
  readonly reworkRate: number | null;
  readonly changeLeadTime: TimeFigure;
  readonly recoveryTime: TimeFigure;
  /** How much of the window is known, from 0 to 1. */
  readonly coverage: number;
}

/** Seconds; `null` without samples. */
export interface TimeFigure {
  readonly samples: number;
  readonly median: number | null;
  readonly p95: number | null;
}

const daySeconds = 86_400;

/** Of one of the policy's windows, which ends at `now` (Unix seconds); `null` if nothing is shown of it. */
export function figuresIn(
  share: TierShare | null,
  policy: LooksFor & Pick<Policy, 'windows'>,
  tier: string,
  window: Window,
  now: number,
): WindowFigures | null {
  const index = policy.windows.indexOf(window);
  const content = share?.windows[index];
  const knownTime = share?.knownTime[index];
  if (!share || !content || !knownTime) return null;
  return figuresOf(content, share.coverage[index] ?? 0, knownSeconds(knownTime, window, now), policy, tier);
}

/** `coverage`: the known part of the window, from 0 to 1; `known`: the same in seconds. */
export function figuresOf(
  content: WindowContent,
  coverage: number,
  known: number,
  policy: LooksFor,
  tier: string,
): WindowFigures {
  const count = (name: string) =>
    content.counts[windowCounts.findIndex((metric) => metric.name === name)] ?? 0;
  const time = (name: string): TimeFigure => {
    const samples =
      content.samples[windowDistributions.findIndex((metric) => metric.name === name)] ?? noValues;
    return { samples: samples.count, median: quantileOf(samples, 0.5), p95: quantileOf(samples, 0.95) };
  };
  const deployments = count('deployments');
  const failedDeployments = count('failed_deployments');
  const reworkDeployments = looksForRework(policy, tier) ? count('rework_deployments') : null;
  const rate = (part: number | null) => (part === null || deployments === 0 ? null : part / deployments);
  return {
    deployments,
    failedDeployments,
    failedByCause: Object.fromEntries(
      windowCounts.flatMap(({ cause }, place) => {
        const failed = content.counts[place] ?? 0;
        return cause && failed > 0 ? [[cause, failed]] : [];
      }),
    ),
    reworkDeployments,
    deploymentsPerDay: known < daySeconds ? null : (content.known * daySeconds) / known,
    changeFailRate: rate(failedDeployments),
    reworkRate: rate(reworkDeployments),
    changeLeadTime: time('change_lead_time_seconds'),
    recoveryTime: time('recovery_time_seconds'),
    coverage,
  };
}

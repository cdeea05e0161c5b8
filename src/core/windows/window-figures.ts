/**
 * The five figures of one window. A rate is `null` without a denominator; each time has quantiles and its number of
 * samples.
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
  /** Failed deployments by cause. A deployment may have several causes. Causes without a deployment are left out. */
  readonly failedByCause: Readonly<Partial<Record<Cause, number>>>;
  /** Null if the policy does not look for rework in the tier. */
  readonly reworkDeployments: number | null;
  /** Numerator and denominator cover the known part of the window; `null` if that is less than a day. */
  readonly deploymentsPerDay: number | null;
  /** From 0 to 1; `null` without a deployment, since 0 would say that nothing failed. */
  readonly changeFailRate: number | null;
  /** From 0 to 1; `null` without a deployment, or if the policy does not look for rework in the tier. */
  readonly reworkRate: number | null;
  readonly changeLeadTime: TimeFigure;
  readonly recoveryTime: TimeFigure;
  /** The known part of the window, from 0 to 1. */
  readonly coverage: number;
}

/** Seconds; `null` without samples. */
export interface TimeFigure {
  readonly samples: number;
  readonly median: number | null;
  readonly p95: number | null;
}

const daySeconds = 86_400;

/** The figures of one of the policy's windows; it ends at `now` (Unix seconds). `null` if `share` does not have it. */
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

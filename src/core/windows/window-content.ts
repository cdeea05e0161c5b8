/**
 * The exact figures of one series over the policy's windows.
 *
 * A window is (now - w, now]. Guarantees: what it holds is a function of the set of deployments and `now` alone, and
 * stays the same until the moment that is told with it.
 */

import type { Deployment } from '../deployment.ts';
import type { WindowMetric } from '../figures/figure.ts';
import { type Fold, stepFold } from '../figures/fold.ts';
import { figures } from '../figures/index.ts';
import { counts, isOnKnownGround } from '../known-ground.ts';
import type { Window } from '../policy.ts';
import type { Timeline } from '../series/reducer.ts';

/** What a series has in each window, in the order of the policy. */
export interface SeriesWindows {
  readonly windows: readonly WindowContent[];
  /** Whether the longest of them holds a deployment: they are shown until it holds none. */
  readonly isAny: boolean;
  /** Unix seconds from which on this no longer holds; infinite where only another deployment can change it. */
  readonly validUntil: number;
}

export interface WindowContent {
  /** How many of the deployments lie on known ground. */
  readonly known: number;
  /** In the order of `windowCounts`. */
  readonly counts: readonly number[];
  /** In the order of `windowDistributions`, each in ascending order. */
  readonly samples: readonly (readonly number[])[];
}

type Of<T extends WindowMetric['type']> = Extract<WindowMetric, { type: T }>;

const measures = figures.flatMap((figure, index) =>
  figure.measures.flatMap((measure) =>
    measure.window ? [{ index, measure, window: measure.window }] : ([] as never[]),
  ),
);
const countMeasures = measures.filter(({ window }) => window.type === 'count');
const distributionMeasures = measures.filter(({ window }) => window.type === 'distribution');

export const windowCounts = countMeasures.map(({ window }) => window as Of<'count'>);
export const windowDistributions = distributionMeasures.map(({ window }) => window as Of<'distribution'>);
export const windowQuantiles: readonly number[] = [0.5, 0.95];

/** What one deployment adds to each window that holds it; `null`: it counts in none. `before`: the state just before it. */
export function contributionOf(before: Fold, deployment: Deployment): WindowContent | null {
  const { ground, states } = before;
  if (!counts(ground, deployment)) return null;
  const valuesOf = ({ measure, index }: (typeof measures)[number]) =>
    measure.values(states[index], deployment);
  return {
    known: Number(isOnKnownGround(ground, deployment)),
    counts: countMeasures.map((one) => total(valuesOf(one))),
    samples: distributionMeasures.map(valuesOf),
  };
}

/** The content of a window without a deployment. */
export const emptyContent: WindowContent = {
  known: 0,
  counts: windowCounts.map(() => 0),
  samples: windowDistributions.map(() => []),
};

/** `timelines`: of each repo that has the series' name. `now` in Unix seconds. */
export function windowsOf(
  timelines: readonly Timeline[],
  windows: readonly Window[],
  now: number,
): SeriesWindows {
  const drafts = windows.map(({ seconds }) => ({ seconds, ...createContentDraft() }));
  const longest = Math.max(...windows.map(({ seconds }) => seconds));
  let validUntil = Number.POSITIVE_INFINITY;
  let isAny = false;
  for (const { base, recent } of timelines) {
    let fold = base;
    for (const deployment of recent) {
      const { at } = deployment;
      if (at > now) {
        // A clock ran ahead: it enters when its time has come.
        validUntil = Math.min(validUntil, at);
        break;
      }
      const content = at > now - longest ? contributionOf(fold, deployment) : null;
      if (content) {
        isAny = true;
        for (const draft of drafts) {
          if (at <= now - draft.seconds) continue;
          validUntil = Math.min(validUntil, at + draft.seconds);
          draft.add(content);
        }
      }
      fold = stepFold(fold, deployment);
    }
  }
  return { windows: drafts.map((draft) => draft.finish()), isAny, validUntil };
}

/** Adds up the contents of one window. */
export function createContentDraft(): { add(content: WindowContent): void; finish(): WindowContent } {
  let known = 0;
  const sums = countMeasures.map(() => 0);
  const samples = distributionMeasures.map((): number[] => []);
  return {
    add(content) {
      known += content.known;
      for (const [place, count] of content.counts.entries()) sums[place] = (sums[place] ?? 0) + count;
      for (const [place, values] of content.samples.entries())
        for (const value of values) samples[place]?.push(value);
    },
    finish() {
      for (const values of samples) values.sort((a, b) => a - b);
      return { known, counts: sums, samples };
    },
  };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Whether a deployment lies in a window that ends at `now`, both in Unix seconds. */
export function isWithin(
  { at }: Pick<Deployment, 'at'>,
  { seconds }: Pick<Window, 'seconds'>,
  now: number,
): boolean {
  return at > now - seconds && at <= now;
}

/** The values of all figures in one window. */

import { type FigureName, figuresByName } from '../figures/index.ts';
import type { ValuesOf, WindowReader } from '../figures/shown-figure.ts';
import type { LooksFor, Policy, Window } from '../policy.ts';
import { knownSeconds } from './coverage.ts';
import type { TierShare } from './tier-windows.ts';
import { noValues, quantileOf } from './values.ts';
import { type WindowContent, windowCounts, windowDistributions } from './window-content.ts';

export type WindowField = (typeof figuresByName)[FigureName]['fields'][number];

/** Types of values in the order of JSON. */
const types: readonly (readonly WindowField['type'][])[] = [
  ['count', 'countOrNull', 'countByCause'],
  ['rate', 'ratio'],
  ['time'],
];

/** The values of a window, in the order of JSON. */
export const windowFields: readonly WindowField[] = types.flatMap((group) =>
  Object.values(figuresByName).flatMap(({ fields }) => fields.filter(({ type }) => group.includes(type))),
);

export type WindowFigures = ValuesOf<WindowField> & {
  /** The known part of the window, from 0 to 1. */
  readonly coverage: number;
};

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
  const reader: WindowReader = {
    count: (metric) => content.counts[windowCounts.indexOf(metric)] ?? 0,
    time(metric) {
      const samples = content.samples[windowDistributions.indexOf(metric)] ?? noValues;
      return { samples: samples.count, median: quantileOf(samples, 0.5), p95: quantileOf(samples, 0.95) };
    },
    isLookedFor: ({ isLookedFor }) => isLookedFor?.(policy, tier) ?? true,
    knownDeployments: content.known,
    knownSeconds: known,
  };
  const values: Record<string, unknown> = {};
  for (const { key, read } of windowFields) values[key] = read(reader);
  return { ...(values as ValuesOf<WindowField>), coverage };
}

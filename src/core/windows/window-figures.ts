/** The values of all figures in one window. */

import { type FigureName, figuresByName } from '../figures/index.ts';
import type { ValuesOf, WindowReader } from '../figures/shown-figure.ts';
import type { LooksFor, Policy, Window } from '../policy.ts';
import { knownSeconds } from './coverage.ts';
import type { WindowShare } from './tier-windows.ts';
import { noValues, quantileOf } from './values.ts';
import { windowCounts, windowDistributions } from './window-content.ts';

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

/** The figures of one of the policy's windows; it ends at `now` (Unix seconds). `null` if the sample does not have it. */
export function figuresIn(
  { tier, windows }: { readonly tier: string; readonly windows: readonly WindowShare[] | null },
  policy: LooksFor & Pick<Policy, 'windows'>,
  window: Window,
  now: number,
): WindowFigures | null {
  const share = windows?.[policy.windows.indexOf(window)];
  return share ? figuresOf(share, policy, tier, window, now) : null;
}

/** The figures of a window that ends at `now` (Unix seconds). */
export function figuresOf(
  { known, counts, samples, coverage, knownTime }: WindowShare,
  policy: LooksFor,
  tier: string,
  window: Window,
  now: number,
): WindowFigures {
  const reader: WindowReader = {
    count: (metric) => counts[windowCounts.indexOf(metric)] ?? 0,
    time(metric) {
      const values = samples[windowDistributions.indexOf(metric)] ?? noValues;
      return { samples: values.count, median: quantileOf(values, 0.5), p95: quantileOf(values, 0.95) };
    },
    isLookedFor: ({ isLookedFor }) => isLookedFor?.(policy, tier) ?? true,
    knownDeployments: known,
    knownSeconds: knownSeconds(knownTime, window, now),
  };
  const values: Record<string, unknown> = {};
  for (const { key, read } of windowFields) values[key] = read(reader);
  return { ...(values as ValuesOf<WindowField>), coverage };
}

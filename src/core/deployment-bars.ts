/** Counts the deployments of a window per hour, day or week of UTC, depending on the length of the window. */

import type { Deployment } from './deployment.ts';
import type { DeploymentBar } from './overview.ts';
import type { Window } from './policy.ts';
import { type Cause, causes } from './verdict.ts';
import { isWithin } from './windows/window-content.ts';

const hour = 3600;
const day = 24 * hour;
const week = 7 * day;
/** Monday, 1970-01-05. */
const firstMonday = 4 * day;
/** The longest windows with bars of hours and of days: a phone has room for about sixty bars. */
const longestInHours = 2 * day;
const longestInDays = 62 * day;

export interface BarCounts {
  readonly barSeconds: number;
  /** Ignores deployments outside of the window. */
  add(deployment: Deployment): void;
  /** In order of time, empty bars too. */
  bars(): readonly DeploymentBar[];
}

/** `at`: end of the window, Unix seconds. */
export function createBarCounts(window: Window, at: number): BarCounts {
  const { seconds } = window;
  const barSeconds = seconds <= longestInHours ? hour : seconds <= longestInDays ? day : week;
  const offset = barSeconds > day ? firstMonday : 0;
  const placeOf = (moment: number) => Math.floor((moment - offset) / barSeconds);
  const begin = at - seconds + 1;
  const first = placeOf(begin);
  const counts = Array.from({ length: placeOf(at) - first + 1 }, () => ({
    deployments: 0,
    failed: 0,
    byCause: new Map<Cause, number>(),
  }));
  const stretchOf = (start: number) => ({
    start,
    from: Math.max(start, begin),
    to: Math.min(start + barSeconds - 1, at),
  });
  return {
    barSeconds,
    add(deployment) {
      if (!isWithin(deployment, window, at)) return;
      const bar = counts[placeOf(deployment.at) - first];
      if (!bar) return;
      bar.deployments++;
      const found = deployment.verdict.causes;
      if (found.length > 0) bar.failed++;
      for (const cause of found) bar.byCause.set(cause, (bar.byCause.get(cause) ?? 0) + 1);
    },
    bars: () =>
      counts.map(({ deployments, failed, byCause }, index) => ({
        ...stretchOf((first + index) * barSeconds + offset),
        succeeded: deployments - failed,
        failed,
        byCause: Object.fromEntries(
          causes.flatMap((cause) => {
            const count = byCause.get(cause);
            return count ? [[cause, count]] : [];
          }),
        ),
      })),
  };
}

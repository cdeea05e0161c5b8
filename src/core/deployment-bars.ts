/** Deployments of a window, counted in stretches of time: hours, days or weeks of UTC, whichever gives a legible chart. */

import type { Deployment } from './deployment.ts';
import type { DeploymentBar } from './overview.ts';
import type { Window } from './policy.ts';
import { type Cause, causes } from './verdict.ts';
import { isWithin } from './windows/window-content.ts';

const hour = 3600;
const day = 24 * hour;
/** Monday, 1970-01-05. */
const firstMonday = 4 * day;

export interface BarCounts {
  readonly barSeconds: number;
  /** Leaves out what lies outside of the window. */
  add(deployment: Deployment): void;
  /** In order of time, empty stretches too. */
  bars(): readonly DeploymentBar[];
}

/** Of a window that ends at `at`, Unix seconds. */
export function createBarCounts(window: Window, at: number): BarCounts {
  const barSeconds = window.seconds <= 2 * day ? hour : window.seconds <= 120 * day ? day : 7 * day;
  const offset = barSeconds > day ? firstMonday : 0;
  const placeOf = (moment: number) => Math.floor((moment - offset) / barSeconds);
  const first = placeOf(at - window.seconds + 1);
  const counts = Array.from({ length: placeOf(at) - first + 1 }, () => ({
    deployments: 0,
    failed: 0,
    byCause: new Map<Cause, number>(),
  }));
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
        start: (first + index) * barSeconds + offset,
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

/**
 * The trend of each tier for pages, computed from the history of figures in the background: a page waits for it only
 * briefly.
 *
 * A page shows the last computed trend until a newer one is ready. After a long computation the next one waits, so that
 * computing takes at most a tenth of the time.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { FigureHistory, FigurePoint } from '../core/figure-history.ts';
import type { Window } from '../core/policy.ts';
import { StoreUnavailable } from '../store/store.ts';

/** How long a page waits, in milliseconds: for something newer, and once for something at all. */
const patienceMs = 40;
const firstPatienceMs = 1_500;
const restFactor = 10;
const mostKept = 100;

interface Kept {
  points: readonly FigurePoint[] | null;
  running: Promise<void> | null;
  /** Milliseconds: nothing is worked out again before. */
  restsUntil: number;
}

/** `null`: it is being worked out. */
export type Trends = (
  tier: string,
  window: Window,
  ends: readonly number[],
  isOfPast: boolean,
) => Promise<readonly FigurePoint[] | null>;

export function createTrends(history: FigureHistory): Trends {
  const kept = new Map<string, Kept>();

  const workOut = async (one: Kept, tier: string, window: Window, ends: readonly number[]): Promise<void> => {
    const began = performance.now();
    try {
      one.points = (await history({ repo: null, tier, window, ends })) ?? [];
    } catch (error) {
      // What was shown before is shown on; `/readyz` says why.
      if (!(error instanceof StoreUnavailable)) throw error;
    } finally {
      const took = performance.now() - began;
      one.restsUntil = took > patienceMs ? began + (1 + restFactor) * took : 0;
      one.running = null;
    }
  };

  return async (tier, window, ends, isOfPast) => {
    const key = JSON.stringify([tier, window.name, isOfPast ? ends : null]);
    const one: Kept = kept.get(key) ?? { points: null, running: null, restsUntil: 0 };
    kept.delete(key);
    kept.set(key, one);
    const [oldest] = kept.keys();
    if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
    let isFirst = false;
    if (!one.running && performance.now() >= one.restsUntil) {
      isFirst = one.points === null;
      one.running = workOut(one, tier, window, ends);
      // The readers that wait get the error, but maybe none waits any more.
      one.running.catch(() => undefined);
    }
    if (one.running)
      await (isOfPast
        ? one.running
        : Promise.race([
            one.running,
            sleep(isFirst ? firstPatienceMs : patienceMs, undefined, { ref: false }),
          ]));
    return one.points;
  };
}

/**
 * A clock whose time passes only if a test lets it, and then as fast as possible: it wakes one sleeper after the other, and
 * waits before each until real sockets are quiet. So a week takes seconds, and events keep their order.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/util/clock.ts';

export interface SimulatedClock extends Clock {
  /** Lets this time pass, with all events in it. */
  pass(ms: number): Promise<void>;
  /** Waits until all work that needs no further time is done. */
  settle(): Promise<void>;
  /** Returns the promise. Time does not pass until the promise is settled. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** Number of current sleepers. */
  readonly sleepers: number;
}

/** Number of idle turns of the event loop after which no work is left. */
const quietTurns = 12;

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export function createSimulatedClock(startSeconds: number): SimulatedClock {
  let nowMs = startSeconds * 1000;
  let held = 0;
  const sleepers = new Set<Sleeper>();

  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < quietTurns; turns++) {
      await nextTurn();
      if (held > 0) turns = 0;
    }
  };

  return {
    now: () => nowMs,
    sleep(ms, signal) {
      return new Promise<void>((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          at: nowMs + Math.max(ms, 0),
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        sleepers.add(sleeper);
      });
    },
    async pass(ms) {
      const end = nowMs + ms;
      for (;;) {
        await settle();
        let next: Sleeper | null = null;
        for (const sleeper of sleepers) if (!next || sleeper.at < next.at) next = sleeper;
        if (!next || next.at > end) break;
        nowMs = Math.max(nowMs, next.at);
        next.wake();
      }
      nowMs = end;
      await settle();
    },
    settle,
    async hold(work) {
      held++;
      try {
        return await work;
      } finally {
        held--;
      }
    },
    get sleepers() {
      return sleepers.size;
    },
  };
}

/**
 * A clock whose time passes only when a test lets it, and then as fast as the machine can: it goes from one sleeper to the
 * next, and before each lets everything that real sockets still carry come to rest. So a week takes seconds, and nothing
 * happens out of order.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../src/util/clock.ts';

export interface SimulatedClock extends Clock {
  /** Lets so much time pass, and everything happen that falls into it. */
  pass(ms: number): Promise<void>;
  /** Lets everything happen that waits for no time to pass. */
  settle(): Promise<void>;
  /** The same promise; time stands still until it is settled. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** How many sleep now. */
  readonly sleepers: number;
}

/** Turns of the event loop in which nothing is under way, until all is taken to be at rest. */
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

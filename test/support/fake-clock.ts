/** A clock whose time passes only if the test sets it, or if code sleeps: a sleep ends at once. */

import type { Clock } from '../../src/util/clock.ts';

export interface FakeClock extends Clock {
  advance(seconds: number): void;
}

export function createFakeClock(startSeconds: number): FakeClock {
  let nowMs = startSeconds * 1000;
  return {
    now: () => nowMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      nowMs += ms;
    },
    advance(seconds) {
      nowMs += seconds * 1000;
    },
  };
}

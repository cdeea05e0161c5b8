/** Time and sleep as a parameter, so that tests can run a week in a second. */

import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';

export interface Clock {
  /** Unix time in milliseconds. */
  now(): number;
  /** Fulfils after `ms` milliseconds; rejects with the signal's reason once it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};

/** The clock's time in whole Unix seconds. */
export function nowSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

/** Longest time that work may block the event loop, in milliseconds. */
const stretchMs = 10;

/** Returns a function to call between pieces of long work: it yields to the event loop if 10 ms have passed since. */
export function createEventLoopYield(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < stretchMs) return;
    await nextTurn();
    began = performance.now();
  };
}

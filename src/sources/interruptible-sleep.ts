/** Sleeps that end early: any commit, for example, may contain work for a waiting loop. */

import type { Clock } from '../util/clock.ts';
import type { Dependencies } from './dependencies.ts';

/** Sleeps `ms` milliseconds. Rejects when aborted. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export interface InterruptibleSleep {
  /** An interruption ends it, also one between the last sleep and this one. */
  readonly sleep: Sleep;
  interrupt(): void;
}

export function createInterruptibleSleep(clock: Clock): InterruptibleSleep {
  let interruption = new AbortController();
  return {
    interrupt: () => interruption.abort(),
    async sleep(ms, signal) {
      try {
        await clock.sleep(Math.max(ms, 0), AbortSignal.any([interruption.signal, signal]));
      } catch (error) {
        signal.throwIfAborted();
        if (!interruption.signal.aborted) throw error;
      }
      interruption = new AbortController();
    },
  };
}

/** Returns a sleep that a commit ends, but that lasts at least `shortestMs`. */
export function createSleepUntilCommit(
  { ingest, clock }: Pick<Dependencies, 'ingest' | 'clock'>,
  shortestMs: number,
): Sleep {
  const { sleep, interrupt } = createInterruptibleSleep(clock);
  ingest.subscribe(interrupt);
  return async (ms, signal) => {
    await clock.sleep(shortestMs, signal);
    await sleep(ms - shortestMs, signal);
  };
}

/**
 * Unknown repos in the stream. Each is requested once: Woodpecker then makes a permission row for the user. Without that
 * row, the user's list never contains a repo that somebody else has activated.
 *
 * A large server's stream names thousands of public repos that do not concern us: while none of them turns out to be ours,
 * the pauses between requests grow.
 */

import type { State } from '../core/series/state.ts';
import type { Clock } from '../util/clock.ts';
import { NotFound, Unauthorized, Unavailable, type WoodpeckerClient } from '../woodpecker/client.ts';

export interface Strangers {
  /** Asks for the repo in a round that begins soon. */
  lookFor(woodpeckerId: number, signal: AbortSignal): void;
  /** Asks for the waiting repos. Rejects as the client does, except for errors of a single repo. */
  ask(signal: AbortSignal): Promise<void>;
  /** After reading the user's list: notes whether it contains any of the requested repos. */
  noteListed(): void;
}

export interface StrangersOptions {
  readonly state: State;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  /** Starts a round. */
  readonly onDue: () => void;
}

/** Repos that appear together are requested together. */
const firstPauseMs = 2_000;
const longestPauseMs = 600_000;
const mostAtOnce = 50;

export function createStrangers({ state, client, clock, onDue }: StrangersOptions): Strangers {
  const waiting = new Set<number>();
  let asked: number[] = [];
  let pauseMs = firstPauseMs;
  let isDueSoon = false;

  const begin = (signal: AbortSignal): void => {
    if (isDueSoon || waiting.size === 0) return;
    isDueSoon = true;
    clock.sleep(pauseMs, signal).then(
      () => {
        isDueSoon = false;
        onDue();
      },
      () => undefined,
    );
  };

  return {
    lookFor(woodpeckerId, signal) {
      waiting.add(woodpeckerId);
      begin(signal);
    },
    async ask(signal) {
      for (const id of [...waiting].slice(0, mostAtOnce)) {
        try {
          await client.repo(id, signal);
          asked.push(id);
        } catch (error) {
          if (!saysOneRepoAlone(error)) throw error;
        }
        waiting.delete(id);
      }
      begin(signal);
    },
    noteListed() {
      if (asked.length === 0) return;
      const isAnyOurs = asked.some((id) => state.repoById(id) !== null);
      pauseMs = isAnyOurs ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs);
      asked = [];
    },
  };
}

function saysOneRepoAlone(error: unknown): boolean {
  if (error instanceof NotFound || error instanceof Unauthorized) return true;
  return error instanceof Unavailable && error.status === 200;
}

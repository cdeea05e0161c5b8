/**
 * Repos that the stream names and nothing else knows. Each is asked for by itself, once: Woodpecker then gives the user a
 * permission row for it, without which the user's list never shows a repo that somebody else has activated.
 *
 * A large server names thousands of public repos that are nobody's here: as long as none of them turns out to be ours,
 * the pauses between questions grow.
 */

import type { State } from '../core/series/state.ts';
import type { Clock } from '../util/clock.ts';
import { NotFound, Unauthorized, Unavailable, type WoodpeckerClient } from '../woodpecker/client.ts';

export interface Strangers {
  /** Has the repo asked for with a round that begins soon. */
  lookFor(woodpeckerId: number, signal: AbortSignal): void;
  /** Asks for those that wait. Rejects as the client does, unless the answer says something of one repo alone. */
  ask(signal: AbortSignal): Promise<void>;
  /** After the user's list was read: notes whether it shows any that were asked for. */
  noteListed(): void;
}

export interface StrangersOptions {
  readonly state: State;
  readonly client: WoodpeckerClient;
  readonly clock: Clock;
  /** Begins a round. */
  readonly onDue: () => void;
}

/** Repos that appear together are asked for together. */
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

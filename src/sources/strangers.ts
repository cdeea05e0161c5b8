/**
 * Requests each unknown repo of the stream once: Woodpecker then makes a permission row for the user. Without that row, the
 * user's list never contains a repo that somebody else has activated.
 *
 * The stream of a large server names thousands of public repos that do not concern us. As long as no requested repo appears
 * in the user's list, the pauses between requests grow.
 */

import { NotFound, Unauthorized, Unavailable } from '../woodpecker/client.ts';
import type { Dependencies } from './dependencies.ts';

export interface Strangers {
  /** Requests the repo in a round that begins soon. */
  lookFor(woodpeckerId: number, signal: AbortSignal): void;
  /** Requests at most fifty of the waiting repos. Rejects as the client does; errors of a single repo do not reject. */
  ask(signal: AbortSignal): Promise<void>;
  /** Call it when the user's list is stored: sets the next pause by whether the list contains a requested repo. */
  noteListed(): void;
}

export interface StrangersOptions extends Pick<Dependencies, 'ingest' | 'client' | 'clock'> {
  /** Must start a round. */
  readonly onDue: () => void;
}

/** Time before the first request: repos that appear together are requested together. */
const firstPauseMs = 2_000;
const longestPauseMs = 600_000;
const mostAtOnce = 50;

export function createStrangers({ ingest, client, clock, onDue }: StrangersOptions): Strangers {
  const waiting = new Set<number>();
  let requested: number[] = [];
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
          requested.push(id);
        } catch (error) {
          if (!concernsOneRepo(error)) throw error;
        }
        waiting.delete(id);
      }
      begin(signal);
    },
    noteListed() {
      if (requested.length === 0) return;
      const isAnyOurs = requested.some((id) => ingest.state.repoById(id) !== null);
      pauseMs = isAnyOurs ? firstPauseMs : Math.min(pauseMs * 2, longestPauseMs);
      requested = [];
    },
  };
}

function concernsOneRepo(error: unknown): boolean {
  if (error instanceof NotFound || error instanceof Unauthorized) return true;
  return error instanceof Unavailable && error.status === 200;
}

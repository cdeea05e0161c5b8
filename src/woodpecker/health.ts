/** Keeps whether Woodpecker answers, and logs each change once. */

import type { Clock } from '../util/clock.ts';
import { describeError, type Log } from '../util/log.ts';
import type { EndedRequest } from './client.ts';

export interface WoodpeckerHealth {
  /** `null` before the first request has ended. */
  readonly isUp: boolean | null;
  /** Unix milliseconds of the last change. */
  readonly since: number;
  /** Whether Woodpecker refused the token when it last checked it. */
  readonly isTokenRefused: boolean;
  /** Time when Woodpecker last accepted the token, in Unix milliseconds; 0: never. */
  readonly tokenValidAt: number;
  /** The problem and its remedy, as logged; `null`: there is none. */
  readonly trouble: string | null;
  /** Notes how a request ended. */
  note(request: Omit<EndedRequest, 'ms' | 'path'> & { readonly path?: string }): void;
}

const troubles = {
  refused: 'Woodpecker refuses the token: set DORA_WOODPECKER_TOKEN to a valid one',
  silent: 'Woodpecker gives no usable answer; will keep trying',
} as const;

const longestReason = 500;

export function createWoodpeckerHealth(
  clock: Clock,
  log: Log,
  onChange: (isUp: boolean) => void,
): WoodpeckerHealth {
  let state: 'unknown' | 'up' | keyof typeof troubles = 'unknown';
  let since = clock.now();
  let tokenValidAt = 0;
  let reason = '';
  /** Path of the last answer with status 200 that was unusable; `null`: there is none. */
  let oddPath: string | null = null;
  return {
    get isUp() {
      return state === 'unknown' ? null : state === 'up';
    },
    get since() {
      return since;
    },
    get isTokenRefused() {
      return state === 'refused';
    },
    get tokenValidAt() {
      return tokenValidAt;
    },
    get trouble() {
      if (state === 'silent') return `${troubles.silent}. ${reason}`;
      return state === 'refused' ? troubles.refused : null;
    },
    note({ path = '', status, isUsable, isTokenValid, error }) {
      if (isTokenValid) tokenValidAt = clock.now();
      // Woodpecker answers public requests without a token: only an answer about the user shows that the token is valid
      // again.
      if (state === 'refused' && isUsable && isTokenValid === null) return;
      // A good answer to another path does not mean that this path is usable again.
      if (state === 'silent' && isUsable && oddPath !== null && oddPath !== path) return;
      const next = isTokenValid === false ? 'refused' : isUsable ? 'up' : 'silent';
      if (next === 'silent') reason = cutReason(describeError(error));
      oddPath = next === 'silent' && status === 200 ? path : null;
      if (next === state) return;
      const before = state;
      const seconds = Math.round((clock.now() - since) / 1000);
      state = next;
      since = clock.now();
      if (next === 'up') {
        if (before !== 'unknown') log.info('Woodpecker answers again', { after_s: seconds });
      } else if (next === 'refused') {
        log.error(troubles.refused, { status });
      } else {
        log.warn(troubles.silent, { status: status || 'none', error: reason });
      }
      onChange(next === 'up');
    },
  };
}

function cutReason(reason: string): string {
  return reason.length > longestReason ? `${reason.slice(0, longestReason)}…` : reason;
}

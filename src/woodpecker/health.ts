/** Whether Woodpecker answers, told once per change and not once per try. */

import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';

export interface WoodpeckerHealth {
  /** `null` before the first answer or failure. */
  readonly isUp: boolean | null;
  /** Unix milliseconds of the last change. */
  readonly since: number;
  /** Takes the end of a request; `status` is 0 where there was no answer. */
  note(request: { readonly status: number; readonly isUsable: boolean }): void;
}

export function createWoodpeckerHealth(
  clock: Clock,
  log: Log,
  onChange: (isUp: boolean) => void,
): WoodpeckerHealth {
  let isUp: boolean | null = null;
  let since = clock.now();
  return {
    get isUp() {
      return isUp;
    },
    get since() {
      return since;
    },
    note({ status, isUsable }) {
      if (isUsable === isUp) return;
      const wasDown = isUp === false;
      const downSeconds = Math.round((clock.now() - since) / 1000);
      isUp = isUsable;
      since = clock.now();
      onChange(isUsable);
      if (isUsable) {
        if (wasDown) log.info('Woodpecker answers again', { after_s: downSeconds });
      } else if (status === 401 || status === 403) {
        log.error('Woodpecker refuses the token: set DORA_WOODPECKER_TOKEN to a valid one', { status });
      } else {
        log.warn('Woodpecker gives no usable answer; will keep trying', { status: status || 'none' });
      }
    },
  };
}

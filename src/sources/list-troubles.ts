/** Logs unreadable rows and endless lists of Woodpecker, once each. */

import type { Log } from '../util/log.ts';
import type { OddRow } from '../woodpecker/lists.ts';

export interface ListTroubles {
  noteOddRow(path: string, row: OddRow): void;
  noteEndlessList(path: string): void;
}

const mostRemembered = 1_000;

export function createListTroubles(log: Log, onOddRow: () => void): ListTroubles {
  const logged = new Set<string>();
  /** Whether the trouble is not logged yet; always `false` if a thousand are. */
  const isNew = (trouble: string): boolean => {
    if (logged.has(trouble) || logged.size === mostRemembered) return false;
    logged.add(trouble);
    return true;
  };
  return {
    noteOddRow(path, { row, problem }) {
      onOddRow();
      if (!isNew(`${path} ${row} ${problem}`)) return;
      log.warn('Woodpecker sent a row that cannot be read; it is left out', { list: path, row, problem });
    },
    noteEndlessList(path) {
      if (!isNew(path)) return;
      log.warn(
        'Woodpecker sends the same page of a list again and again, so older rows are missing: check for a cache before it',
        { list: path },
      );
    },
  };
}

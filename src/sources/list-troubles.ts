/** Logs unreadable rows and endless lists of Woodpecker, once each. */

import type { Log } from '../util/log.ts';
import type { OddRow } from '../woodpecker/lists.ts';

export interface ListTroubles {
  noteOddRow(path: string, row: OddRow): void;
  noteEndlessList(path: string): void;
}

const mostRemembered = 1_000;

export function createListTroubles(log: Log, onOddRow: () => void): ListTroubles {
  const told = new Set<string>();
  /** Whether it is new; after too many, nothing is. */
  const isNews = (trouble: string): boolean => {
    if (told.has(trouble) || told.size === mostRemembered) return false;
    told.add(trouble);
    return true;
  };
  return {
    noteOddRow(path, { row, problem }) {
      onOddRow();
      if (!isNews(`${path} ${row} ${problem}`)) return;
      log.warn('Woodpecker sent a row that cannot be read; it is left out', { list: path, row, problem });
    },
    noteEndlessList(path) {
      if (!isNews(path)) return;
      log.warn(
        'Woodpecker sends the same page of a list again and again, so older rows are missing: check for a cache before it',
        { list: path },
      );
    },
  };
}

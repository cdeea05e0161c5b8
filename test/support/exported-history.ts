/** An export of a database into memory, as the process of `npm run export` makes it. */

import { exportHistory, type HistoryRequest } from '../../src/export/history.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { openSqliteStore } from '../../src/store/sqlite.ts';

/** Returns the texts, one more than cuts. Another process may have the database open. */
export async function exportedTexts(
  databasePath: string,
  mode: IntakeMode,
  request: Partial<HistoryRequest> & Pick<HistoryRequest, 'from' | 'to' | 'stepSeconds'>,
): Promise<string[]> {
  const whole = { cuts: [], labels: {}, withWindows: true, ...request };
  const texts = [...whole.cuts, whole.to].map(() => '');
  const store = openSqliteStore(databasePath, { isReadOnly: true });
  try {
    await store.transact((tx) =>
      exportHistory(tx, mode, whole, async (text, piece) => {
        texts[text] += piece;
      }),
    );
  } finally {
    await store.close();
  }
  return texts;
}

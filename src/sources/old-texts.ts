/** Deletes titles of incidents and reasons of marks that are older than the history. */

import { StoreUnavailable } from '../ingest/ingest.ts';
import { describeError } from '../util/log.ts';
import { recover } from '../util/recover.ts';
import type { Dependencies } from './dependencies.ts';

const intervalMs = 6 * 3_600_000;

/** Runs every six hours until `signal` is aborted, then rejects with its reason. */
export async function dropOldTexts(
  { ingest, clock, log }: Pick<Dependencies, 'ingest' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<never> {
  for (;;) {
    await clock.sleep(intervalMs, signal);
    const { incidents, marks } = ingest.state;
    if (incidents.isEmpty && marks.size === 0) continue;
    await recover(ingest.submit({ kind: 'dropOldTexts' }), StoreUnavailable, (error) =>
      log.debug('Old titles and reasons will be deleted later', { error: describeError(error) }),
    );
  }
}

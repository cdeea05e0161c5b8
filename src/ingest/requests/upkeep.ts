/** What the service does by itself. */

import type { StoredBackfill } from '../../store/store.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

/** Judges again the series whose judgement time alone has changed. */
export async function judgeDue({ state, series, now }: UnitOfWork): Promise<void> {
  for (const key of state.judgedUntilBefore(now)) {
    const pair = state.pairs.get(key);
    if (pair) series.judgeAgain(pair.repo, pair.tier);
  }
}

/** Deletes titles of incidents and reasons of marks that are older than the history. */
export async function dropOldTexts(uow: UnitOfWork): Promise<void> {
  await uow.incidents.catchUp();
  await uow.marks.dropOldReasons();
}

/** Stores the lead of Woodpecker's clock over ours, in seconds; later observations are corrected by it. */
export async function correctClock(uow: UnitOfWork, { ahead }: { readonly ahead: number }): Promise<void> {
  await uow.pipelines.putClockAhead(ahead);
}

/** Stores the summary of a backfill, and deletes the oldest ones but `kept`. */
export async function storeBackfill(
  { tx }: UnitOfWork,
  { backfill, kept }: { readonly backfill: StoredBackfill; readonly kept: number },
): Promise<void> {
  await tx.backfills.put(backfill);
  await tx.backfills.keepNewest(kept);
}

/** Writes something: only a commit finds a full disk or a lost file. */
export async function probeStore({ tx }: UnitOfWork): Promise<void> {
  await tx.meta.put('probed', 'true');
}

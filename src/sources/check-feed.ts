/**
 * Checks the feed, a list of the newest fifty pipelines of all repos: reads each pipeline that differs from its stored
 * record.
 *
 * Guarantees: reads a pipeline once for each state that the feed shows, and again in the next round if that failed.
 */

import { isEnded } from '../core/pipeline.ts';
import { nowSeconds } from '../util/clock.ts';
import { recover } from '../util/recover.ts';
import { NotFound, Unavailable } from '../woodpecker/client.ts';
import { toWholeRecord } from '../woodpecker/normalise.ts';
import type { WireFeedItem } from '../woodpecker/wire.ts';
import type { ScanDependencies } from './dependencies.ts';
import { toEventResult } from './store-page.ts';

/** Rejects as the client does; errors of single pipelines do not reject. */
export type CheckFeed = (items: readonly WireFeedItem[], signal: AbortSignal) => Promise<void>;

export function createFeedChecker({ ingest, client, clock, onEvent }: ScanDependencies): CheckFeed {
  /** The items of the last feed that need no further check, as JSON. */
  let checked = new Set<string>();

  const check = async (item: WireFeedItem, signal: AbortSignal): Promise<void> => {
    const { repo_id: repoId, number } = item;
    const repo = repoId ? ingest.state.repoById(repoId) : null;
    if (!repoId || !repo || !number || repo.scan.watermark === null || repo.isGone) return;
    const known = await ingest.read((rows) => rows.pipelines.get(repo.key, number));
    const isKnown =
      known?.record.status === item.status &&
      known.record.id === (item.id ?? known.record.id) &&
      (!isEnded(item.status) ||
        item.finished === 0 ||
        known.record.finishedAt === item.finished - known.record.clockAhead);
    if (isKnown) return;
    const wire = await recover(client.pipeline(repoId, number, signal), NotFound, () => null);
    if (!wire) return;
    const record = toWholeRecord(wire, nowSeconds(clock));
    const observed = await ingest.submit({ kind: 'observe', repo: repo.key, record });
    onEvent('reconcile', toEventResult(observed));
  };

  return async (items, signal) => {
    const stillChecked = new Set<string>();
    for (const item of items) {
      const fingerprint = JSON.stringify(item);
      try {
        if (!checked.has(fingerprint)) await check(item, signal);
        stillChecked.add(fingerprint);
      } catch (error) {
        if (signal.aborted || !(error instanceof Unavailable)) throw error;
      }
    }
    checked = stillChecked;
  };
}

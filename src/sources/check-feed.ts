/**
 * The feed: the newest fifty pipelines over all repos, as far as it tells them otherwise than they are known.
 *
 * Guarantees: what could not be read is looked into again in the next round, what was looked into is not, for as long as
 * the feed says the same of it.
 */

import { isEnded } from '../core/pipeline.ts';
import { nowSeconds } from '../util/clock.ts';
import { NotFound, Unavailable } from '../woodpecker/client.ts';
import { toWholeRecord } from '../woodpecker/normalise.ts';
import type { WireFeedItem } from '../woodpecker/wire.ts';
import { type Intake, toEventResult } from './store-page.ts';

/** Reads again what is told otherwise than it is known. Rejects as the client does, but for single pipelines. */
export type FeedNews = (items: readonly WireFeedItem[], signal: AbortSignal) => Promise<void>;

export function createFeedNews({ ingest, client, clock, onEvent }: Intake): FeedNews {
  /** Items that were looked into, as they were. */
  let checked = new Set<string>();

  const check = async (item: WireFeedItem, signal: AbortSignal): Promise<void> => {
    const { repo_id: repoId, number } = item;
    const repo = repoId ? ingest.state.repoById(repoId) : null;
    if (!repoId || !repo || !number || repo.scan.watermark === null || repo.isGone) return;
    const known = await ingest.read((rows) => rows.pipelines.get(repo.key, number));
    const finished = item.finished || item.finished_at;
    const isKnown =
      known?.record.status === item.status &&
      known.record.id === (item.id ?? known.record.id) &&
      (!isEnded(item.status) ||
        finished === 0 ||
        known.record.finishedAt === finished - known.record.clockAhead);
    if (isKnown) return;
    try {
      const record = toWholeRecord(await client.pipeline(repoId, number, signal), nowSeconds(clock));
      const observed = await ingest.submit((uow) => uow.observe(repo.key, record, 'live'));
      onEvent('reconcile', toEventResult(observed));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  };

  return async (items, signal) => {
    const looked = new Set<string>();
    for (const item of items) {
      const fingerprint = JSON.stringify(item);
      try {
        if (!checked.has(fingerprint)) await check(item, signal);
        looked.add(fingerprint);
      } catch (error) {
        if (signal.aborted || !(error instanceof Unavailable)) throw error;
      }
    }
    checked = looked;
  };
}

/**
 * Reads a repo's list of pipelines until no gap is left: the first time down to the horizon, later down to the watermark.
 *
 * Guarantees: pages are stored at once, but their pipelines are pending until the gap is closed. Then one transaction shows
 * and counts them, and moves the watermark. After an interruption, the next scan skips the rows that this one has covered.
 * Pipelines that ended less than an hour before the last scan are read again, since their ends can change.
 */

import { isInFuture } from '../core/clock-skew.ts';
import type { CoveredGround } from '../core/repo.ts';
import { nowSeconds } from '../util/clock.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';
import type { ScanDependencies } from './dependencies.ts';
import type { Source } from './event-labels.ts';
import { findLastOutcomes } from './last-outcomes.ts';
import { pipelinePages } from './list-pipelines.ts';
import { addCounts, type Counts, noCounts, storePage } from './store-page.ts';
import { type RepoWithId, repoWithId } from './watched-repos.ts';

/** Reads the pipelines that are new or changed since the last scan. Rejects as the client and the store do. */
export type SyncRepo = (repoKey: number, source: Source, signal: AbortSignal) => Promise<Counts>;

export interface SyncRepoOptions {
  /** Time that a repo's first backfill reaches back, in seconds; `null`: the whole history. */
  readonly historySeconds: number | null;
}

const settledAfterSeconds = 3600;

export function createRepoSync(
  dependencies: ScanDependencies,
  { historySeconds }: SyncRepoOptions,
): SyncRepo {
  const { ingest, client, clock } = dependencies;
  const repoAt = (key: number): RepoWithId => repoWithId(ingest.state, key);

  const syncRepo: SyncRepo = async (repoKey, source, signal) => {
    const startedAt = nowSeconds(clock);
    await fixHorizon(repoKey, startedAt);
    const { watermark, scannedAt, covered: earlier } = repoAt(repoKey).scan;
    const isFirst = watermark === null;
    // If our clock was ahead at the last scan, all rows are read again: their times were corrected wrongly.
    const wasAhead = isInFuture(scannedAt ?? 0, startedAt);
    const floor = wasAhead ? 0 : await floorOf(repoKey, watermark, scannedAt);
    const horizon = repoAt(repoKey).horizon ?? 0;
    // Without a watermark, the scan stops at the horizon.
    const isBounded = horizon > 0 && (!watermark || wasAhead);
    /** The horizon by Woodpecker's clock, as rows and queries use it. */
    const horizonThere = horizon + ingest.state.clockAhead;
    const oldest = isBounded ? { after: horizonThere } : {};

    let counts = noCounts;
    let highest = watermark ?? 0;
    let lowest = null as CoveredGround | null;
    let isWhole = true;
    const onEndless = () => {
      isWhole = false;
    };
    /** Reads down to the pipeline number `until`: the floor, or the first row that an earlier scan has covered. */
    const read = async (query: { before?: number }, until: number): Promise<void> => {
      const { woodpeckerId } = repoAt(repoKey);
      const pages = pipelinePages(client, woodpeckerId, { ...oldest, ...query }, signal, onEndless);
      for await (const rows of pages) {
        const wanted = rows.filter((row) => !isBounded || row.created > horizonThere);
        highest = Math.max(highest, ...wanted.map((row) => row.number));
        lowest = lowerGround(lowest, wanted, highest);
        const isConnected = earlier === null || query.before !== undefined;
        const page = await storePage(
          dependencies,
          repoKey,
          wanted,
          source,
          isConnected ? lowest : null,
          signal,
        );
        counts = addCounts(counts, page.counts);
        if (rows.some((row) => row.number <= until) || wanted.length < rows.length) return;
      }
    };
    await read({}, Math.max(floor, earlier?.to ?? 0));
    if (earlier && earlier.from > floor + 1) {
      lowest = { ...earlier, to: highest };
      await read({ before: earlier.fromCreatedAt + 1 }, floor);
    }
    if (isFirst && horizon > 0) {
      counts = addCounts(counts, await findLastOutcomes(dependencies, repoKey, source, signal));
    }

    // If the list ended too early, its older rows are unknown.
    const knownFrom = isWhole
      ? horizon
      : Math.max(horizon, (lowest?.fromCreatedAt ?? horizonThere) - ingest.state.clockAhead);
    const isQuiet =
      isWhole &&
      earlier === null &&
      highest === watermark &&
      counts.duplicate === counts.scanned &&
      !wasAhead &&
      (await floorOf(repoKey, watermark, startedAt)) === floor;
    await ingest.submit({
      kind: 'endOfScan',
      repoId: repoAt(repoKey).woodpeckerId,
      watermark: highest,
      startedAt,
      knownFrom,
      hasReachedHorizon: isFirst || isBounded,
      isWhole,
      isQuiet,
    });
    return counts;
  };

  /** Pipelines above this number must be read. The others were written last more than an hour before the last scan. */
  const floorOf = async (
    repoKey: number,
    watermark: number | null,
    scannedAt: number | null,
  ): Promise<number> => {
    if (watermark === null || scannedAt === null) return 0;
    // `updatedAt` of stored rows uses Woodpecker's clock.
    const since = scannedAt + ingest.state.clockAhead - settledAfterSeconds;
    const unsettled = await ingest.read(({ pipelines }) => pipelines.lowestUpdatedSince(repoKey, since));
    return Math.min(watermark, unsettled === null ? watermark : unsettled - 1);
  };

  const fixHorizon = async (repoKey: number, now: number): Promise<void> => {
    const { woodpeckerId, horizon, scan } = repoAt(repoKey);
    const isMissing = horizon === null && scan.watermark === null;
    // A horizon in the future comes from a wrong clock: no pipeline would ever count.
    if (!isMissing && !isInFuture(horizon ?? 0, now)) return;
    const next = historySeconds === null ? 0 : now - historySeconds;
    await ingest.submit({ kind: 'horizon', repoId: woodpeckerId, horizon: next });
  };

  return syncRepo;
}

/** Extends the covered range down to the lowest of `rows`, and up to `highest`; `null`: nothing is covered yet. */
function lowerGround(
  ground: CoveredGround | null,
  rows: readonly WirePipeline[],
  highest: number,
): CoveredGround | null {
  const last = rows.reduce<WirePipeline | null>(
    (low, row) => (low && low.number < row.number ? low : row),
    null,
  );
  if (!last) return ground;
  if (ground && ground.from <= last.number) return { ...ground, to: highest };
  return { from: last.number, to: highest, fromCreatedAt: last.created };
}

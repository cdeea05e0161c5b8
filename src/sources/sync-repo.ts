/**
 * Reads a repo's list until it is known without a gap: the first time down to the horizon, later to the watermark.
 *
 * Guarantees: pages are stored at once, but their pipelines are pending until the gap is closed; then they are shown and
 * counted in one transaction, and the watermark moves. A scan that was cut off continues below the rows that it has covered.
 * Pipelines that ended less than an hour before the last scan are read again, since their ends can change.
 */

import { isInFuture } from '../core/clock-skew.ts';
import type { CoveredGround } from '../core/repo.ts';
import type { UnitOfWork } from '../ingest/unit-of-work.ts';
import { nowSeconds } from '../util/clock.ts';
import { createdAt, type WirePipeline } from '../woodpecker/wire.ts';
import type { Source } from './event-labels.ts';
import { findLastOutcomes } from './last-outcomes.ts';
import { pipelinePages } from './list-pipelines.ts';
import { addCounts, type Counts, type Intake, noCounts, storePage } from './store-page.ts';
import { type AskableRepo, askableRepo } from './watched-repos.ts';

/** Reads what happened in the repo since the last scan. */
export type CatchUp = (repoKey: number, source: Source, signal: AbortSignal) => Promise<Counts>;

export interface CatchUpOptions {
  /** How far a repo's first backfill reaches back, in seconds; `null` for all. */
  readonly historySeconds: number | null;
}

const settledAfterSeconds = 3600;

export function createCatchUp(intake: Intake, { historySeconds }: CatchUpOptions): CatchUp {
  const { ingest, client, clock } = intake;
  const repoAt = (key: number): AskableRepo => askableRepo(ingest.state, key);

  const catchUp: CatchUp = async (repoKey, source, signal) => {
    const startedAt = nowSeconds(clock);
    await fixHorizon(repoKey, startedAt);
    const { watermark, scannedAt, covered: earlier } = repoAt(repoKey).scan;
    const isFirst = watermark === null;
    // If our clock was ahead at the last scan, its rows have wrong times and are read again.
    const wasAhead = isInFuture(scannedAt ?? 0, startedAt);
    const floor = wasAhead ? 0 : await floorOf(repoKey, watermark, scannedAt);
    const horizon = repoAt(repoKey).horizon ?? 0;
    // Without a watermark, the scan stops at the horizon.
    const isBounded = horizon > 0 && (!watermark || wasAhead);
    /** The horizon by Woodpecker's clock, like the rows. */
    const horizonThere = horizon + ingest.state.clockAhead;
    const oldest = isBounded ? { after: horizonThere } : {};

    let counts = noCounts;
    let highest = watermark ?? 0;
    let lowest = null as CoveredGround | null;
    let isWhole = true;
    const onEndless = () => {
      isWhole = false;
    };
    /** Reads down to `until`: the floor, or the rows that an earlier scan has covered. */
    const read = async (query: { before?: number }, until: number): Promise<void> => {
      const { woodpeckerId } = repoAt(repoKey);
      const pages = pipelinePages(client, woodpeckerId, { ...oldest, ...query }, signal, onEndless);
      for await (const rows of pages) {
        const wanted = rows.filter((row) => !isBounded || createdAt(row) > horizonThere);
        highest = Math.max(highest, ...wanted.map((row) => row.number));
        lowest = lowerGround(lowest, wanted, highest);
        const isConnected = earlier === null || query.before !== undefined;
        const page = await storePage(intake, repoKey, wanted, source, isConnected ? lowest : null, signal);
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
      counts = addCounts(counts, await findLastOutcomes(intake, repoKey, source, signal));
    }

    // If the list did not show its older rows, only the rows that it showed are known.
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
    await ingest.submit(async (uow) => {
      const current = uow.repoById(repoAt(repoKey).woodpeckerId);
      if (!current) return;
      const hasReachedHorizon = isFirst || isBounded;
      const knownBefore = current.knownSince ?? knownFrom;
      const knownSince = hasReachedHorizon
        ? Math.min(knownBefore, knownFrom)
        : isWhole
          ? current.knownSince
          : Math.max(knownBefore, knownFrom);
      const { covered } = current.scan;
      const changesNothing = isQuiet && knownSince === current.knownSince && covered === null;
      if (changesNothing && (await isNoneHeld(uow, repoKey))) return;
      const scan = { watermark: highest, scannedAt: startedAt, covered: null };
      await uow.putRepo({ ...current, knownSince, scan });
      await uow.release(repoKey);
    });
    return counts;
  };

  /** Pipelines above this number must be read; the others are known, and ended more than an hour before the last scan. */
  const floorOf = async (
    repoKey: number,
    watermark: number | null,
    scannedAt: number | null,
  ): Promise<number> => {
    if (watermark === null || scannedAt === null) return 0;
    // Stored rows have the time of their last write by Woodpecker's clock.
    const since = scannedAt + ingest.state.clockAhead - settledAfterSeconds;
    const unsettled = await ingest.read(({ pipelines }) => pipelines.lowestUpdatedSince(repoKey, since));
    return Math.min(watermark, unsettled === null ? watermark : unsettled - 1);
  };

  const fixHorizon = async (repoKey: number, now: number): Promise<void> => {
    const { woodpeckerId, horizon, scan } = repoAt(repoKey);
    const isMissing = horizon === null && scan.watermark === null;
    // A horizon in the future comes from a wrong clock: nothing would ever count.
    if (!isMissing && !isInFuture(horizon ?? 0, now)) return;
    await ingest.submit(async (uow) => {
      const repo = uow.repoById(woodpeckerId);
      if (repo) await uow.putRepo({ ...repo, horizon: historySeconds === null ? 0 : now - historySeconds });
    });
  };

  return catchUp;
}

async function isNoneHeld(uow: UnitOfWork, repoKey: number): Promise<boolean> {
  for await (const slice of uow.tx.pipelines.pending(repoKey)) if (slice.length > 0) return false;
  return true;
}

/** The covered range: from the highest number down to the lowest row so far. */
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
  return { from: last.number, to: highest, fromCreatedAt: createdAt(last) };
}

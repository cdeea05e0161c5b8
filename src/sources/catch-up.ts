/**
 * Brings one repo's record up to the present, and keeps track of how far it is known without a gap.
 *
 * The first time it reaches back to the horizon, later to the watermark. Guarantees: what it finds is stored page by
 * page but shown and credited only when the gap is closed, in one transaction; the watermark moves only then; a scan
 * that was cut off goes on below the ground it has covered. One that ended less than an hour before the last scan is
 * read again, since ends can change.
 */

import { nowSeconds } from '../clock.ts';
import { isWatched, type Outcome } from '../core/classification.ts';
import { isInFuture } from '../core/clock-tolerance.ts';
import type { Follow } from '../core/follow.ts';
import { failureStatuses } from '../core/policy.ts';
import { createQueue, type Queue } from '../core/queue.ts';
import type { CoveredGround, Repo } from '../core/repo.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';
import { tierByNameAlone } from '../core/tiers.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';
import {
  addCounts,
  type Counts,
  completeRows,
  countResults,
  type Intake,
  noCounts,
  preview,
  takeIn,
  toEventResult,
} from './intake.ts';
import { pipelinePages } from './pages.ts';
import type { Source } from './source.ts';

export interface CatchUp {
  /** Closes the gap between what is known of the repo and now. */
  catchUp(repoKey: number, source: Source, signal: AbortSignal): Promise<Counts>;
  /** Reads all pipelines created in a range again; `isDry` stores nothing. */
  readRange(repoKey: number, range: Range, isDry: boolean, signal: AbortSignal): Promise<Counts>;
}

/** Unix seconds, inclusive. */
export interface Range {
  readonly since: number;
  readonly until: number | null;
}

interface StoredPage {
  readonly counts: Counts;
  readonly pipelines: readonly StoredPipeline[];
}

const settledAfterSeconds = 3600;
const pagesOfOlderOutcomes = 20;

export interface CatchUpOptions {
  /** How far a repo's first backfill reaches back, in seconds; `null` for all. */
  readonly historySeconds: number | null;
}

export function createCatchUp(intake: Intake, { historySeconds }: CatchUpOptions): CatchUp {
  const { ingest, client, clock, onEvent } = intake;
  const { state } = ingest;
  const policy = ingest.mode.policy;
  const queues = new Map<number, Queue>();

  const repoAt = (key: number): Repo & { woodpeckerId: number } => {
    const repo = state.repos.get(key);
    if (!repo || repo.woodpeckerId === null) throw new Error(`Repo ${key} is not known to Woodpecker`);
    return { ...repo, woodpeckerId: repo.woodpeckerId };
  };

  /** Stores a page, and with it how far the scan has come. */
  const storePage = async (
    repoKey: number,
    rows: readonly WirePipeline[],
    source: Source,
    covered: CoveredGround | null,
    signal: AbortSignal,
  ): Promise<StoredPage> => {
    const repo = repoAt(repoKey);
    const { records, unread } = await completeRows(intake, repo, repo.woodpeckerId, rows, signal);
    const observed = await ingest.submit(async (uow) => {
      const taken = await takeIn(uow, repo, records);
      // One that cannot be read now must not hold up the rest of its repo: it is asked for until it can.
      for (const number of unread) await uow.putFollow(followOf(repo.woodpeckerId, number));
      const current = uow.repoById(repo.woodpeckerId);
      if (covered && current) await uow.putRepo({ ...current, scan: { ...current.scan, covered } });
      return taken;
    });
    const counts = countResults(onEvent, source, observed.map(toEventResult));
    return { counts, pipelines: observed.map(({ pipeline }) => pipeline) };
  };

  const followOf = (target: number, number: number): Follow => {
    const now = nowSeconds(clock);
    return { target, number, bornAt: now, askedAt: now, hintedAt: null };
  };

  const catchUp: CatchUp['catchUp'] = async (repoKey, source, signal) => {
    const startedAt = nowSeconds(clock);
    await fixHorizon(repoKey, startedAt);
    const { watermark, scannedAt, covered: earlier } = repoAt(repoKey).scan;
    const isFirst = watermark === null;
    const floor = await floorOf(repoKey, watermark, scannedAt);
    const horizon = repoAt(repoKey).horizon ?? 0;
    // Where nothing is known yet, or there was nothing since the horizon, only the horizon says where to stop.
    const isBounded = horizon > 0 && !watermark;
    const oldest = isBounded ? { after: horizon } : {};

    let counts = noCounts;
    let highest = watermark ?? 0;
    let lowest: CoveredGround | null = null;
    /** Reads down to the floor; `true` once it met the ground that an earlier scan has covered. */
    const read = async (query: { before?: number }, until: number): Promise<void> => {
      const { woodpeckerId } = repoAt(repoKey);
      for await (const rows of pipelinePages(client, woodpeckerId, { ...oldest, ...query }, signal)) {
        const wanted = rows.filter((row) => !isBounded || createdAt(row) > horizon);
        highest = Math.max(highest, ...wanted.map((row) => row.number));
        lowest = lowerGround(lowest, wanted, highest);
        const isConnected = earlier === null || query.before !== undefined;
        const page = await storePage(repoKey, wanted, source, isConnected ? lowest : null, signal);
        counts = addCounts(counts, page.counts);
        if (rows.some((row) => row.number <= until) || wanted.length < rows.length) return;
      }
    };
    await read({}, Math.max(floor, earlier?.to ?? 0));
    if (earlier && earlier.from > floor + 1) {
      lowest = { ...earlier, to: highest };
      await read({ before: earlier.fromCreatedAt + 1 }, floor);
    }
    if (isFirst && horizon > 0) counts = addCounts(counts, await findOlderOutcomes(repoKey, source, signal));

    await ingest.submit(async (uow) => {
      const current = uow.repoById(repoAt(repoKey).woodpeckerId);
      if (!current) return;
      const knownSince = isFirst ? earliest(current.knownSince, horizon) : current.knownSince;
      const scan = { watermark: highest, scannedAt: startedAt, covered: null };
      await uow.putRepo({ ...current, knownSince, scan });
      await uow.release(repoKey);
    });
    return counts;
  };

  /** The number above which all must be read: what lies below is known, and has been settled for an hour. */
  const floorOf = async (
    repoKey: number,
    watermark: number | null,
    scannedAt: number | null,
  ): Promise<number> => {
    if (watermark === null || scannedAt === null) return 0;
    const unsettled = await ingest.submit(async ({ tx }) => {
      let since = scannedAt;
      if (isInFuture(scannedAt, nowSeconds(clock))) {
        // The clock was wrong; the scan cannot have been before what it has found.
        const newest = await tx.pipelines.get(repoKey, watermark);
        since = newest?.record.createdAt ?? 0;
      }
      return tx.pipelines.lowestUpdatedSince(repoKey, since - settledAfterSeconds);
    });
    return Math.min(watermark, unsettled === null ? watermark : unsettled - 1);
  };

  const fixHorizon = async (repoKey: number, now: number): Promise<void> => {
    const { woodpeckerId, horizon, scan } = repoAt(repoKey);
    const isMissing = horizon === null && scan.watermark === null;
    // One that lies ahead was fixed by a clock that was wrong: nothing would ever be credited.
    if (!isMissing && !isInFuture(horizon ?? 0, now)) return;
    await ingest.submit(async (uow) => {
      const repo = uow.repoById(woodpeckerId);
      if (repo) await uow.putRepo({ ...repo, horizon: historySeconds === null ? 0 : now - historySeconds });
    });
  };

  /** Looks beyond the horizon for the last success and the last failure of each pair that has none since. */
  const findOlderOutcomes = async (repoKey: number, source: Source, signal: AbortSignal): Promise<Counts> => {
    let counts = noCounts;
    const lacking = await lackingOutcomes(repoKey);
    const wanted = {
      success: ['success'],
      failure: failureStatuses.filter((s) => policy.deployments.failure.includes(s)),
    };
    for (const outcome of ['success', 'failure'] as const) {
      for (const status of wanted[outcome]) {
        const { woodpeckerId, horizon } = repoAt(repoKey);
        let pages = 0;
        if (!lacking.isAny(outcome)) continue;
        const query = { before: (horizon ?? 0) + 1, status };
        for await (const rows of pipelinePages(client, woodpeckerId, query, signal)) {
          const page = await storePage(repoKey, rows, source, null, signal);
          counts = addCounts(counts, page.counts);
          lacking.note(page.pipelines);
          if (++pages === pagesOfOlderOutcomes || !lacking.isAny(outcome)) break;
        }
      }
    }
    return counts;
  };

  /** Which pairs of the repo lack which outcome, brought forward with each page that is noted. */
  const lackingOutcomes = async (repoKey: number) => {
    const known = await ingest.submit((uow) => uow.tx.pipelines.outcomes(repoKey));
    const found = new Map([...known].map(([tier, outcomes]) => [tier, new Set(outcomes)]));
    const outcomesOf = (tier: string): Set<Outcome> => {
      const outcomes = found.get(tier) ?? new Set();
      found.set(tier, outcomes);
      return outcomes;
    };
    const { fullName } = repoAt(repoKey);
    const byName = isWatched(policy, fullName) ? tierByNameAlone(policy, fullName) : null;
    if (byName !== null) outcomesOf(byName);
    return {
      /** Also where no pair is known yet. */
      isAny: (outcome: Outcome) =>
        found.size === 0 || [...found.values()].some((outcomes) => !outcomes.has(outcome)),
      note(pipelines: readonly StoredPipeline[]) {
        for (const { classification } of pipelines) {
          if (classification.tier === null) continue;
          const outcomes = outcomesOf(classification.tier);
          if (classification.kind === 'deployment') outcomes.add(classification.outcome);
        }
      },
    };
  };

  const readRange: CatchUp['readRange'] = async (repoKey, { since, until }, isDry, signal) => {
    const repo = repoAt(repoKey);
    let counts = noCounts;
    const query = { after: since - 1, ...(until === null ? {} : { before: until + 1 }) };
    for await (const rows of pipelinePages(client, repo.woodpeckerId, query, signal)) {
      const wanted = rows.filter(
        (row) => createdAt(row) >= since && (until === null || createdAt(row) <= until),
      );
      if (isDry) {
        const { records } = await completeRows(intake, repo, repo.woodpeckerId, wanted, signal);
        counts = addCounts(
          counts,
          countResults(() => undefined, 'backfill', await preview(intake, repo, records)),
        );
      } else {
        counts = addCounts(counts, (await storePage(repoKey, wanted, 'backfill', null, signal)).counts);
      }
      // Servers before 2.5 do not filter: all below is older still.
      if (rows.some((row) => createdAt(row) < since)) break;
    }
    if (!isDry) {
      await ingest.submit(async (uow) => {
        const current = uow.repoById(repo.woodpeckerId);
        // The range adds to what is known without a gap where it ends in known ground.
        const isJoined = current?.knownSince != null && (until === null || until >= current.knownSince);
        if (current && isJoined) {
          await uow.putRepo({ ...current, knownSince: earliest(current.knownSince, since) });
        }
        await uow.release(repoKey);
      });
    }
    return counts;
  };

  /** One scan of a repo at a time: two would get into each other's progress. */
  const alone = <T>(repoKey: number, scan: () => Promise<T>): Promise<T> => {
    const queue = queues.get(repoKey) ?? createQueue();
    queues.set(repoKey, queue);
    return queue.run(scan);
  };
  return {
    catchUp: (repoKey, ...rest) => alone(repoKey, () => catchUp(repoKey, ...rest)),
    readRange: (repoKey, ...rest) => alone(repoKey, () => readRange(repoKey, ...rest)),
  };
}

function earliest(known: number | null, also: number): number {
  return known === null ? also : Math.min(known, also);
}

function createdAt(row: WirePipeline): number {
  return row.created || row.created_at;
}

/** The ground from the highest number down to the lowest row so far. */
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

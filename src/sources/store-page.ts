/** Stores a page of a list: completes its rows, stores them in one transaction, and counts the results. */

import { classify } from '../core/classification.ts';
import { mergeRecords, saysTheSame } from '../core/merge-records.ts';
import { byOurClock } from '../core/our-clock.ts';
import { isEnded, type PipelineRecord } from '../core/pipeline.ts';
import type { CoveredGround, Repo } from '../core/repo.ts';
import { isUnread, type StoredPipeline } from '../core/stored-pipeline.ts';
import type { Ingest, Observed, Reading } from '../ingest/ingest.ts';
import { nowSeconds } from '../util/clock.ts';
import { NotFound, Unavailable } from '../woodpecker/client.ts';
import { needsDetail, toRecord, toWholeRecord } from '../woodpecker/normalise.ts';
import type { WirePipeline } from '../woodpecker/wire.ts';
import type { ScanDependencies } from './dependencies.ts';
import type { EventResult, Source } from './event-labels.ts';
import { type RepoWithId, repoWithId } from './watched-repos.ts';

/** Numbers of pipelines. Each scanned pipeline is exactly one of the other three. */
export interface Counts {
  readonly scanned: number;
  /** New or changed; it counts, or has not ended yet. */
  readonly stored: number;
  /** Unchanged. */
  readonly duplicate: number;
  /** New or changed; it does not count under the policy. */
  readonly ignored: number;
}

export const noCounts: Counts = { scanned: 0, stored: 0, duplicate: 0, ignored: 0 };

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    scanned: a.scanned + b.scanned,
    stored: a.stored + b.stored,
    duplicate: a.duplicate + b.duplicate,
    ignored: a.ignored + b.ignored,
  };
}

/** The records of a page's complete rows, and the numbers of rows that cannot be completed now. */
interface CompletedRows {
  readonly records: readonly PipelineRecord[];
  readonly unread: readonly number[];
}

/** The number of single pipelines that may still be requested. */
export interface ReadBudget {
  left: number;
}

/** Requests the pipelines of incomplete rows. When `budget` is used up, rows stay incomplete. Rejects as the client does. */
export async function completeRows(
  { ingest, client, clock }: ScanDependencies,
  repo: RepoWithId,
  rows: readonly WirePipeline[],
  signal: AbortSignal,
  budget: ReadBudget = { left: Number.POSITIVE_INFINITY },
): Promise<CompletedRows> {
  const receivedAt = nowSeconds(clock);
  const incomplete = rows.filter((row) => isIncomplete(ingest, repo, row, receivedAt));
  const known = incomplete.length === 0 ? null : await ingest.read((tx) => lookUp(tx, repo, incomplete));
  const toRead = new Set(
    incomplete
      .filter((row) => !isKnownEnough(known?.get(row.number), row))
      .slice(0, Math.max(0, budget.left)),
  );
  budget.left -= toRead.size;
  const unread: number[] = [];
  const complete = async (row: WirePipeline): Promise<PipelineRecord | null> => {
    if (!toRead.has(row)) return toRecord(row, 'rest', receivedAt);
    try {
      const whole = await client.pipeline(repo.woodpeckerId, row.number, signal);
      return toWholeRecord(whole, nowSeconds(clock));
    } catch (error) {
      // The pipeline was deleted since: only the row of the list remains.
      if (error instanceof NotFound) return toWholeRecord(row, receivedAt);
      signal.throwIfAborted();
      if (!(error instanceof Unavailable)) throw error;
      unread.push(row.number);
      return null;
    }
  };
  const records = (await Promise.all(rows.map(complete))).filter((record) => record !== null);
  return { records, unread };
}

/** Whether a row is not enough to classify its pipeline: its end is unknown, or the part that a rule matches. */
function isIncomplete({ mode }: Ingest, repo: Repo, row: WirePipeline, receivedAt: number): boolean {
  if (needsDetail(row)) return true;
  return isUnread({ classification: classify(mode.policy, repo, toRecord(row, 'rest', receivedAt)) });
}

export interface StoredPage {
  readonly counts: Counts;
  readonly pipelines: readonly StoredPipeline[];
}

/**
 * Stores a page of a repo's list: its pipelines, pending until the repo's release, and `covered`, the progress of the scan.
 * Rejects as the client and the store do.
 */
export async function storePage(
  dependencies: ScanDependencies,
  repoKey: number,
  rows: readonly WirePipeline[],
  source: Source,
  covered: CoveredGround | null,
  signal: AbortSignal,
  budget?: ReadBudget,
): Promise<StoredPage> {
  const { ingest, onEvent } = dependencies;
  const repo = repoWithId(ingest.state, repoKey);
  const { records, unread } = await completeRows(dependencies, repo, rows, signal, budget);
  const observed = await ingest.submit({ kind: 'page', repoId: repo.woodpeckerId, records, unread, covered });
  const results = observed.map(toEventResult);
  for (const result of results) onEvent(source, result);
  return { counts: countsOf(results), pipelines: observed.map(({ pipeline }) => pipeline) };
}

/** The results that storing the records would have; stores nothing. */
export async function preview(
  { ingest }: ScanDependencies,
  repo: Repo,
  records: readonly PipelineRecord[],
): Promise<EventResult[]> {
  const known = await ingest.read((rows) => lookUp(rows, repo, records));
  return records.map((record) => {
    const before = known.get(record.number);
    const seen = byOurClock(record, ingest.state.clockAhead);
    const merged = before ? mergeRecords(before.record, seen) : seen;
    if (before && saysTheSame(before.record, merged)) return 'duplicate';
    return classify(ingest.mode.policy, repo, merged).reason === null ? 'stored' : 'ignored';
  });
}

export function countsOf(results: readonly EventResult[]): Counts {
  const ignored = results.filter((result) => result === 'ignored').length;
  const duplicate = results.filter((result) => result === 'duplicate' || result === 'stale').length;
  return { scanned: results.length, stored: results.length - ignored - duplicate, duplicate, ignored };
}

/** The result of a report, as an event's label. */
export function toEventResult(observed: Observed | 'limit'): EventResult {
  if (observed === 'limit') return 'ignored';
  const { result, pipeline } = observed;
  if (result === 'duplicate' || result === 'stale') return result;
  if (pipeline.classification.reason !== null) return 'ignored';
  return result === 'unfinished' ? 'following' : 'stored';
}

async function lookUp(
  { pipelines }: Reading,
  repo: Repo,
  wanted: readonly { readonly number: number }[],
): Promise<Map<number, StoredPipeline>> {
  const found = new Map<number, StoredPipeline>();
  for (const { number } of wanted) {
    const pipeline = await pipelines.get(repo.key, number);
    if (pipeline) found.set(number, pipeline);
  }
  return found;
}

/**
 * Whether the stored record of an incomplete row is enough, so that no request is needed. Workflows that a new policy needs
 * are read in the background.
 */
function isKnownEnough(known: StoredPipeline | undefined, row: WirePipeline): boolean {
  if (!known || !isEnded(known.record.status)) return false;
  const isAsNew = known.record.updatedAt >= row.updated;
  return known.record.id === (row.id ?? 0) && isAsNew && (known.record.hasWorkflows || !needsDetail(row));
}

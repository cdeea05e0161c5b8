/** Stores what scans of a repo's list find, and what is known once they end. `repoId`: Woodpecker's id of the repo. */

import type { PipelineRecord } from '../../core/pipeline.ts';
import type { CoveredGround } from '../../core/repo.ts';
import type { Observed } from '../pipeline-changes.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export interface Page {
  readonly repoId: number;
  readonly records: readonly PipelineRecord[];
  /** Numbers of pipelines that cannot be read now: they are polled until they can be read. */
  readonly unread: readonly number[];
  /** The progress of the scan; `null`: it stays as it is. */
  readonly covered: CoveredGround | null;
}

/** Stores pipelines, pending until the end of the scan. */
export async function observePage(
  uow: UnitOfWork,
  { repoId, records, unread, covered }: Page,
): Promise<readonly Observed[]> {
  const { now } = uow;
  const { key } = uow.repos.withId(repoId);
  const observed: Observed[] = [];
  for (const record of records) observed.push(await uow.pipelines.observe(key, record, 'scan'));
  for (const number of unread) {
    await uow.follows.put({ target: repoId, number, createdAt: now, polledAt: now, hintedAt: null });
  }
  // If no pipeline has changed, progress is not written: reading the page again is cheap.
  const hasChanges = observed.some(({ result }) => result !== 'duplicate' && result !== 'stale');
  const repo = uow.repos.withId(repoId);
  if (covered && hasChanges) uow.repos.put({ ...repo, scan: { ...repo.scan, covered } });
  return observed;
}

/** Sets the time down to which a repo is read, in Unix seconds; 0: the whole history. */
export async function fixHorizon(
  uow: UnitOfWork,
  { repoId, horizon }: { readonly repoId: number; readonly horizon: number },
): Promise<void> {
  uow.repos.put({ ...uow.repos.withId(repoId), horizon });
}

export interface EndOfScan {
  readonly repoId: number;
  /** The highest number in the list. */
  readonly watermark: number;
  /** Unix seconds. */
  readonly startedAt: number;
  /** Unix seconds: the scan leaves no gap after it. */
  readonly knownFrom: number;
  readonly hasReachedHorizon: boolean;
  /** Whether the list did not end too early. */
  readonly isWhole: boolean;
  /** Whether the scan has found nothing new. */
  readonly isQuiet: boolean;
}

/** Shows and counts what the scan has found, and moves the watermark. */
export async function endScan(uow: UnitOfWork, end: EndOfScan): Promise<void> {
  const { watermark, startedAt, knownFrom, isWhole } = end;
  const repo = uow.repos.withId(end.repoId);
  const knownBefore = repo.knownSince ?? knownFrom;
  const knownSince = end.hasReachedHorizon
    ? Math.min(knownBefore, knownFrom)
    : isWhole
      ? repo.knownSince
      : Math.max(knownBefore, knownFrom);
  const changesNothing = end.isQuiet && knownSince === repo.knownSince && repo.scan.covered === null;
  if (changesNothing && !(await hasPending(uow, repo.key))) return;
  uow.repos.put({ ...repo, knownSince, scan: { watermark, scannedAt: startedAt, covered: null } });
  await uow.pipelines.release(repo.key);
}

async function hasPending({ tx }: UnitOfWork, key: number): Promise<boolean> {
  for await (const slice of tx.pipelines.pending(key)) if (slice.length > 0) return true;
  return false;
}

/** A range of time that was read, in Unix seconds, inclusive. `until`: `null` if it reaches up to now. */
export interface EndOfRescan {
  readonly repoId: number;
  readonly since: number;
  readonly until: number | null;
}

/** Shows and counts what the rescan has found. */
export async function endRescan(uow: UnitOfWork, { repoId, since, until }: EndOfRescan): Promise<void> {
  const repo = uow.repos.withId(repoId);
  // If the known range begins within this range, it is extended down to this range's start.
  if (repo.knownSince !== null && (until === null || until >= repo.knownSince)) {
    uow.repos.put({ ...repo, knownSince: Math.min(repo.knownSince, since) });
  }
  await uow.pipelines.release(repo.key);
}

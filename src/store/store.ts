/**
 * What the rest may rely on of a store. The comments are promises; `test/store/contract.ts` holds every store to them.
 */

import type { IgnoreReason } from '../core/classification.ts';
import type { Change } from '../core/commit-range.ts';
import type { Deployment, Outcome } from '../core/deployment.ts';
import type { MarkPlace, StoredMark } from '../core/failures/operator-mark.ts';
import type { TrackedIncident } from '../core/failures/tracked-incident.ts';
import type { EventCount } from '../core/pipeline-counts.ts';
import type { Follow } from '../core/poll-schedule.ts';
import type { Repo } from '../core/repo.ts';
import type { Pair } from '../core/series/pair.ts';
import type { StoredPipeline } from '../core/stored-pipeline.ts';

export interface Store {
  /**
   * Runs `work` in a transaction of its own. Transactions run one after the other, in the order of the calls. When the
   * promise fulfils, all that `work` wrote survives a crash of the process or the machine. When `work` throws, or the
   * commit fails, nothing of it was written. Rejects with `StoreUnavailable` where the store itself is at fault, and
   * with what `work` threw otherwise. The transaction is of no use once `work` has settled.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Waits for the transactions that were begun, then releases everything. Later calls reject. */
  close(): Promise<void>;
}

/**
 * Reads see what the same transaction wrote before. Long work inside gives way to the event loop now and then, so that
 * no stretch blocks it for long; other transactions wait meanwhile.
 */
export interface Transaction {
  readonly meta: {
    get(key: string): Promise<string | null>;
    put(key: string, value: string): Promise<void>;
  };
  readonly repos: {
    all(): Promise<readonly Repo[]>;
    /** Stores a repo under a key that no repo ever had before. */
    add(repo: Omit<Repo, 'key'>): Promise<Repo>;
    put(repo: Repo): Promise<void>;
    /** Forgets a repo with its pipelines, pairs and marks. */
    drop(key: number): Promise<void>;
  };
  /** Pipelines, and what they are under the policy in force. */
  readonly pipelines: PipelineTable;
  /** The same pipelines under the next policy, as far as they were classified under it. */
  readonly next: NextPipelines;
  /** With the commit of this transaction, `pipelines` becomes `next`, and `next` becomes `pipelines`. */
  exchange(): Promise<void>;
  readonly pairs: {
    all(): Promise<readonly Pair[]>;
    put(pair: Pair): Promise<void>;
  };
  readonly follows: {
    all(): Promise<readonly Follow[]>;
    /** Replaces the one with the same target and number. */
    put(follow: Follow): Promise<void>;
    drop(follow: Follow): Promise<void>;
  };
  readonly incidents: IncidentTable;
  readonly marks: {
    all(): Promise<readonly StoredMark[]>;
    /** Replaces the one of the same pipeline and tier. */
    put(mark: StoredMark): Promise<void>;
    drop(place: MarkPlace): Promise<void>;
  };
  readonly backfills: {
    /** The newest `limit`, newest first. */
    newest(limit: number): Promise<readonly StoredBackfill[]>;
    /** Replaces the one with the same id. */
    put(backfill: StoredBackfill): Promise<void>;
    /** Forgets all but the newest `limit`. */
    keepNewest(limit: number): Promise<void>;
  };
}

/** As much of a transaction as whoever only reads may use. */
export interface Reading {
  readonly pipelines: Pick<
    PipelineTable,
    'get' | 'deployments' | 'uncounted' | 'lowestUpdatedSince' | 'outcomes' | 'unread' | 'oldFailures'
  >;
  readonly incidents: Pick<IncidentTable, 'get'>;
  readonly backfills: Pick<Transaction['backfills'], 'newest'>;
}

/** One row per alert, and per id of plain reports; keys are those of `trackedKey`. */
export interface IncidentTable {
  get(key: string): Promise<TrackedIncident | null>;
  /** Replaces the one with the same key. */
  put(incident: TrackedIncident): Promise<void>;
  /** Every one, by key, in slices. */
  all(): AsyncIterable<readonly TrackedIncident[]>;
}

/** One row per repo and number. Iterations come in slices; writes made meanwhile are seen or not, never half. */
export interface PipelineTable {
  get(repo: number, number: number): Promise<StoredPipeline | null>;
  /** Replaces the one with the same repo and number. */
  put(pipeline: StoredPipeline): Promise<void>;
  /** Sets only what a deployment has added to the ledger of its tier. */
  setCredited(deployment: DeploymentPlace, credited: number): Promise<void>;
  /** Sets the given bits of what they have added to the ledger, for all deployments, held ones too. */
  creditAll(bits: number): Promise<void>;
  /** Sets only what the forge told of it; `put` leaves that as it is. Nothing is kept for a pipeline that is not stored. */
  putChange(deployment: DeploymentPlace, change: Change): Promise<void>;
  /** The commit that an id stands for; the id itself if nothing else is known. */
  commitOf(repo: number, id: string): Promise<string>;
  /** Notes that an id stands for a commit with another id. Every read of a pipeline or a change names that one. */
  putCommitId(repo: number, id: string, commit: string): Promise<void>;
  /** Notes for a repo what is noted for another; what it has of its own stays. */
  copyCommitIds(from: number, into: number): Promise<void>;
  /** Forgets the changes of which the forge could not tell. */
  dropUnknownChanges(): Promise<void>;
  /** Every pipeline, of one repo where given, by repo and number. */
  all(repo?: number): AsyncIterable<readonly StoredPipeline[]>;
  /** Every deployment that is not held, by repo, tier, time and number. */
  deployments(selection?: DeploymentSelection): AsyncIterable<readonly TieredDeployment[]>;
  /** What of a repo's pipelines within a time is no deployment in a tier and not held, newest first, then highest number first. */
  uncounted(selection: UncountedSelection): AsyncIterable<readonly Uncounted[]>;
  /** When the repo's first pipeline of the commit, by any id, was created; Unix seconds; held ones left aside. */
  firstCreatedAt(repo: number, commit: string): Promise<number | null>;
  /** The tiers of the repo's deployments of the commit, by any id; held ones left aside. */
  tiersOfCommit(repo: number, commit: string): Promise<readonly string[]>;
  /** When the latest pipeline ended that is unread in the tier, held ones too; Unix seconds of `lastToldAt`. */
  latestUnread(repo: number, tier: string): Promise<number | null>;
  /** The same for all repos and tiers that have one. */
  latestUnreadOfAll(): Promise<readonly (Pick<DeploymentPlace, 'repo' | 'tier'> & { readonly at: number })[]>;
  /** Numbers of a repo's pipelines that are unread in a tier and ended after `after` (Unix seconds), newest first. */
  unread(repo: number, after: number, limit: number): Promise<readonly number[]>;
  /**
   * Numbers of a repo's failures that ended after `after` (Unix seconds) and that a version which kept no workflows stored,
   * newest first.
   */
  oldFailures(repo: number, after: number, limit: number): Promise<readonly number[]>;
  /** The held pipelines of a repo, by number. */
  held(repo: number): AsyncIterable<readonly StoredPipeline[]>;
  /** Ends the hold on all pipelines of a repo. */
  releaseHeld(repo: number): Promise<void>;
  /** The lowest number among the repo's pipelines whose last update is not before `since` (Unix seconds). */
  lowestUpdatedSince(repo: number, since: number): Promise<number | null>;
  /**
   * Tiers of the repo's pipelines, held ones too, each with the outcomes that it has: when the latest deployment of each
   * was created, or deployed if its creation is unknown; Unix seconds.
   */
  outcomes(repo: number): Promise<ReadonlyMap<string, ReadonlyMap<Outcome, number>>>;
  ignoredCounts(): Promise<ReadonlyMap<IgnoreReason, number>>;
  eventCounts(): Promise<readonly EventCount[]>;
}

export interface NextPipelines extends PipelineTable {
  /** Sets only what a stored pipeline is under the next policy, and what it has added to the ledger there. */
  reclassify(pipeline: StoredPipeline): Promise<void>;
  /** The repo's pipelines with higher numbers, by number, `limit` at most. */
  compare(
    after: { readonly repo: number; readonly number: number },
    limit: number,
  ): Promise<readonly Compared[]>;
}

/** A pipeline as it is under the policy in force, and under the next one: without tier and reason if it never was. */
export interface Compared {
  readonly inForce: StoredPipeline;
  readonly next: StoredPipeline;
}

export interface DeploymentPlace {
  /** Key of the repo. */
  readonly repo: number;
  readonly number: number;
  readonly tier: string;
}

export interface DeploymentSelection {
  readonly only?: {
    readonly repo: number;
    readonly tier: string;
    /** Leaves out what was deployed up to then; Unix seconds. */
    readonly after?: number;
  };
  /** Whether to find out when each commit's first pipeline was created. */
  readonly withFirstSeen?: boolean;
  /** Leaves out the commits of what the forge reported, which may be many. */
  readonly withoutCommits?: boolean;
  /** How many to hold at a time, at most; for whoever goes through many selections at once. */
  readonly sliceRows?: number;
}

export interface UncountedSelection {
  readonly repo: number;
  /** Of this tier, or of none. */
  readonly tier: string;
  /** Unix seconds of `lastToldAt`: after the one, up to the other. */
  readonly after: number;
  readonly until: number;
}

export interface Uncounted {
  readonly number: number;
  /** Unix seconds. */
  readonly at: number;
  /** `null`: it has not ended; `unread`: its workflows are still to be read. */
  readonly reason: IgnoreReason | 'unread' | null;
}

export interface TieredDeployment {
  readonly tier: string;
  readonly deployment: Deployment;
}

/** A backfill's summary, opaque to the store. */
export interface StoredBackfill {
  readonly id: string;
  /** Unix milliseconds: two may well begin within a second. */
  readonly startedAtMs: number;
  readonly summary: string;
}

/** The store cannot do its work now: disk full, read-only, locked or failing. Worth another try later. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}

/** Part of what was stored cannot be read any more. It stays so until somebody restores a backup. */
export class StoreDamaged extends StoreUnavailable {
  override name = 'StoreDamaged';
}

/** The store cannot be used at all as it is: made by a newer version, not one of ours, or where none can be. */
export class StoreUnusable extends Error {
  override name = 'StoreUnusable';
}

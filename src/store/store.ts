/**
 * The interface of the store. The comments are guarantees; `test/store/contract.test.ts` checks them.
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
   * promise fulfils, all writes of `work` survive a crash of the process or the machine. If `work` throws, or the
   * commit fails, none of them remain. Rejects with `StoreUnavailable` for a fault of the store, else with the error of
   * `work`. The transaction must not be used after `work` has settled.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Waits for running transactions, then closes everything. Later calls reject. */
  close(): Promise<void>;
}

/**
 * Reads see earlier writes of the same transaction. Long work yields to the event loop, so it is never blocked for
 * long; other transactions wait meanwhile.
 */
export interface Transaction {
  readonly meta: {
    get(key: string): Promise<string | null>;
    put(key: string, value: string): Promise<void>;
  };
  readonly repos: {
    all(): Promise<readonly Repo[]>;
    /** Stores a new repo under a key that was never used before. */
    add(repo: Omit<Repo, 'key'>): Promise<Repo>;
    put(repo: Repo): Promise<void>;
    /** Deletes a repo with its pipelines, pairs and marks. */
    drop(key: number): Promise<void>;
  };
  /** The pipelines, with their classification under the active policy. */
  readonly pipelines: PipelineTable;
  /**
   * The same pipelines under the next policy. Those that are not classified under it yet have neither tiers nor reason.
   */
  readonly next: NextPipelines;
  /** With the commit of this transaction, `pipelines` becomes `next`, and `next` becomes `pipelines`. */
  exchange(): Promise<void>;
  readonly pairs: {
    all(): Promise<readonly Pair[]>;
    put(pair: Pair): Promise<void>;
  };
  readonly follows: {
    all(): Promise<readonly Follow[]>;
    /** Replaces the follow with the same target and number. */
    put(follow: Follow): Promise<void>;
    drop(follow: Follow): Promise<void>;
  };
  readonly incidents: IncidentTable;
  readonly marks: {
    all(): Promise<readonly StoredMark[]>;
    /** Replaces the mark of the same pipeline and tier. */
    put(mark: StoredMark): Promise<void>;
    drop(place: MarkPlace): Promise<void>;
  };
  readonly backfills: {
    /** The newest `limit` backfills, newest first. */
    newest(limit: number): Promise<readonly StoredBackfill[]>;
    /** Replaces the backfill with the same id. */
    put(backfill: StoredBackfill): Promise<void>;
    /** Deletes all but the newest `limit`. */
    keepNewest(limit: number): Promise<void>;
  };
}

/** The part of a transaction for readers. */
export interface Reading {
  readonly pipelines: Pick<
    PipelineTable,
    'get' | 'deployments' | 'uncounted' | 'lowestUpdatedSince' | 'outcomes' | 'unread' | 'oldFailures'
  >;
  readonly incidents: Pick<IncidentTable, 'get'>;
  readonly backfills: Pick<Transaction['backfills'], 'newest'>;
}

/** One row per alert, and per id of plain reports. Keys are results of `trackedKey`. */
export interface IncidentTable {
  get(key: string): Promise<TrackedIncident | null>;
  /** Replaces the incident with the same key. */
  put(incident: TrackedIncident): Promise<void>;
  /** All incidents, by key, in slices. */
  all(): AsyncIterable<readonly TrackedIncident[]>;
}

/** One row per repo and number. Iterations yield slices; a concurrent write is seen whole or not at all. */
export interface PipelineTable {
  get(repo: number, number: number): Promise<StoredPipeline | null>;
  /** Replaces the pipeline with the same repo and number. */
  put(pipeline: StoredPipeline): Promise<void>;
  /** Sets only the ledger bits of a deployment in its tier. */
  setCredited(deployment: DeploymentPlace, credited: number): Promise<void>;
  /** Sets the given ledger bits of all deployments, pending ones too. */
  creditAll(bits: number): Promise<void>;
  /** Sets only the forge's answer for a deployment; `put` does not change it. Does nothing for an unknown pipeline. */
  putChange(deployment: DeploymentPlace, change: Change): Promise<void>;
  /** The commit of an id; the id itself if it has no other. */
  commitOf(repo: number, id: string): Promise<string>;
  /** Notes that an id is another name of a commit. Reads of pipelines and changes then contain the commit. */
  putCommitId(repo: number, id: string, commit: string): Promise<void>;
  /** Copies the other names of commits from one repo to another, without replacing any. */
  copyCommitIds(from: number, into: number): Promise<void>;
  /** Deletes the changes that the forge did not know. */
  dropUnknownChanges(): Promise<void>;
  /** All pipelines, or all of one repo, in order of repo and number. */
  all(repo?: number): AsyncIterable<readonly StoredPipeline[]>;
  /** All deployments that are not pending, by repo, tier, time and number. */
  deployments(selection?: DeploymentSelection): AsyncIterable<readonly TieredDeployment[]>;
  /**
   * A repo's pipelines in a time span that are neither pending nor deployments in the tier. The newest is first, then
   * the highest number.
   */
  uncounted(selection: UncountedSelection): AsyncIterable<readonly Uncounted[]>;
  /** Creation of the repo's first pipeline of the commit, by any id, that is not pending; Unix seconds. */
  firstCreatedAt(repo: number, commit: string): Promise<number | null>;
  /** The tiers of the repo's deployments of the commit, by any id, that are not pending. */
  tiersOfCommit(repo: number, commit: string): Promise<readonly string[]>;
  /** `lastReportedAt` of the latest pipeline that is unread in the tier, pending or not; Unix seconds. */
  latestUnread(repo: number, tier: string): Promise<number | null>;
  /** `latestUnread` for all repos and tiers with an unread pipeline. */
  latestUnreadOfAll(): Promise<readonly (Pick<DeploymentPlace, 'repo' | 'tier'> & { readonly at: number })[]>;
  /** Numbers of a repo's pipelines that are unread in a tier and ended after `after` (Unix seconds), newest first. */
  unread(repo: number, after: number, limit: number): Promise<readonly number[]>;
  /**
   * Numbers of a repo's failures that ended after `after` (Unix seconds), and were stored by a version of the exporter
   * that did not store workflows; newest first.
   */
  oldFailures(repo: number, after: number, limit: number): Promise<readonly number[]>;
  /** The pending pipelines of a repo, by number. */
  pending(repo: number): AsyncIterable<readonly StoredPipeline[]>;
  /** Makes all pending pipelines of a repo visible. */
  releasePending(repo: number): Promise<void>;
  /** The lowest number among the repo's pipelines whose last update is not before `since` (Unix seconds). */
  lowestUpdatedSince(repo: number, since: number): Promise<number | null>;
  /**
   * Tiers of the repo's pipelines, pending or not. For each outcome in a tier: the creation of the latest deployment,
   * or its time if the creation is unknown; Unix seconds.
   */
  outcomes(repo: number): Promise<ReadonlyMap<string, ReadonlyMap<Outcome, number>>>;
  ignoredCounts(): Promise<ReadonlyMap<IgnoreReason, number>>;
  eventCounts(): Promise<readonly EventCount[]>;
}

export interface NextPipelines extends PipelineTable {
  /** Sets only a stored pipeline's classification and ledger bits under the next policy. */
  reclassify(pipeline: StoredPipeline): Promise<void>;
  /** The repo's pipelines with higher numbers, by number, `limit` at most. */
  compare(
    after: { readonly repo: number; readonly number: number },
    limit: number,
  ): Promise<readonly Compared[]>;
}

/** A pipeline under the active policy and under the next one; there without tiers and reason if not classified yet. */
export interface Compared {
  readonly active: StoredPipeline;
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
    /** Only deployments after this time; Unix seconds. */
    readonly after?: number;
  };
  /** Includes the creation of each commit's first pipeline. */
  readonly withFirstSeen?: boolean;
  /** Leaves out the commits of the forge's answers, which may be many. */
  readonly withoutCommits?: boolean;
  /** Most rows of a slice, for reading many selections at once. */
  readonly sliceRows?: number;
}

export interface UncountedSelection {
  readonly repo: number;
  /** Pipelines of this tier, or of none. */
  readonly tier: string;
  /** Bounds of `lastReportedAt`, Unix seconds: above `after`, at most `until`. */
  readonly after: number;
  readonly until: number;
}

export interface Uncounted {
  readonly number: number;
  /** Unix seconds. */
  readonly at: number;
  /** `null`: it has not ended; `unread`: its workflows must be read first. */
  readonly reason: IgnoreReason | 'unread' | null;
}

export interface TieredDeployment {
  readonly tier: string;
  readonly deployment: Deployment;
}

/** A backfill with its summary, which the store does not interpret. */
export interface StoredBackfill {
  readonly id: string;
  /** Unix milliseconds, since two backfills may begin within a second. */
  readonly startedAtMs: number;
  readonly summary: string;
}

/** The store cannot work now: disk full, read-only, locked or failing. Another try later may succeed. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable';
}

/** Part of the data is unreadable, until somebody restores a backup. */
export class StoreDamaged extends StoreUnavailable {
  override name = 'StoreDamaged';
}

/** The store cannot be used: made by a newer version, not one of ours, or at an impossible path. */
export class StoreUnusable extends Error {
  override name = 'StoreUnusable';
}

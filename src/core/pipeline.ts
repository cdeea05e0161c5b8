/** The record of a pipeline: what all observations of it say. It knows no wire names, no policies and no clock. */

import type { TierReport } from './tier-report.ts';
import type { Workflow } from './workflow.ts';

/** Statuses after which Woodpecker runs no further step; a pipeline of any other status has not ended. */
const endedStatuses = new Set(['success', 'failure', 'error', 'killed', 'canceled', 'declined', 'skipped']);

/** All times are Unix seconds, and by our clock unless they say otherwise. */
export interface PipelineRecord {
  /** Number within the repo, from 1. */
  readonly number: number;
  /** Woodpecker's id over all repos; 0: not in the observation. */
  readonly id: number;
  readonly status: string;
  /** `null`: not in the observation. */
  readonly event: string | null;
  /** `null`: not in the observation. */
  readonly branch: string | null;
  /** Such as `refs/heads/main`; `null`: not in the observation. */
  readonly ref: string | null;
  /** Number of the pipeline that this one restarts, 0 for none; `null`: not in the observation. */
  readonly parent: number | null;
  readonly deployTo: string;
  readonly commit: string;
  readonly message: string;
  readonly fromFork: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  /**
   * Its end, checked against the other clocks; `null` if it has not ended, or no time is known. If only reports for
   * tiers are known: the end of the first of these.
   */
  readonly finishedAt: number | null;
  /** Whether start and finish are from one clock: only then is their difference the duration. */
  readonly hasOneClock: boolean;
  /** Lead of Woodpecker's clock over ours when the end was first seen, in seconds; the times are corrected by it. */
  readonly clockAhead: number;
  /** Receipt of the first observation of an end from Woodpecker; `null`: none yet. */
  readonly endSeenAt: number | null;
  /** The server's last write by its own clock; 0: not in the observation. */
  readonly updatedAt: number;
  /** Time of its commit; `null`: no step reported it. */
  readonly committedAt: number | null;
  /** Whether its workflows are known; it may have none. */
  readonly hasWorkflows: boolean;
  readonly fromRest: boolean;
  /**
   * Name of the step whose failure cancelled it, according to Woodpecker; `null`: none. A restart copies the name from
   * its parent, see `cancellation.ts`.
   */
  readonly canceledByStep: string | null;
  /** Receipt of the first report of an end without a time; `null`: none. */
  readonly firstEndReportAt: number | null;
  /** In the order of `inOrder`; empty before its end, and if it can never count. */
  readonly workflows: readonly Workflow[];
  /** Reports by steps for tiers, sorted by tier. */
  readonly tierReports: readonly TierReport[];
}

/** Whether the pipeline has ended, or a step has reported an end for a tier. */
export function isOver({ status, tierReports }: Pick<PipelineRecord, 'status' | 'tierReports'>): boolean {
  return isEnded(status) || tierReports.some((report) => isEnded(report.status));
}

/** Whether a pipeline of this status has ended. With an unknown status it has not. */
export function isEnded(status: string): boolean {
  return endedStatuses.has(status);
}

/** Whether the event is that of a pull request. Pull requests never count. */
export function isPullRequest(event: string | null): boolean {
  return event?.startsWith('pull_request') ?? false;
}

/** End of the pipeline, Unix seconds; `null` if it has not ended, or no time is known. */
export function endedAt(record: PipelineRecord): number | null {
  if (!isEnded(record.status)) return null;
  return record.finishedAt ?? record.firstEndReportAt;
}

/**
 * Time of a pipeline that is no deployment, Unix seconds: its end, else its last update, its start or its creation;
 * 0: no time is known.
 */
export function lastReportedAt(record: PipelineRecord): number {
  const { finishedAt, firstEndReportAt, updatedAt, clockAhead, startedAt, createdAt } = record;
  return (
    finishedAt ?? firstEndReportAt ?? (updatedAt ? updatedAt - clockAhead : (startedAt ?? createdAt ?? 0))
  );
}

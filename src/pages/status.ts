/** How the exporter itself is doing: what `/operations` shows, and what a first look needs. */

import type { IgnoreReason } from '../core/classification.ts';
import type { EventCount } from '../core/pipeline-counts.ts';
import type { SourceActivity } from '../metrics/self-metrics.ts';
import type { BackfillSummary } from '../sources/backfill.ts';

export interface Status {
  readonly version: string;
  /** Unix seconds. */
  readonly now: number;
  readonly startedAt: number;
  /** Why it is not ready; `null` if it is. */
  readonly notReady: string | null;
  /** `null` in webhook-only mode. */
  readonly woodpecker: WoodpeckerStatus | null;
  /** `null`: none is asked. */
  readonly forge: ForgeStatus | null;
  readonly sources: readonly SourceActivity[];
  readonly following: number;
  readonly backfills: readonly BackfillSummary[];
  /** Repos that are prepared for another policy; `null`: there is none. */
  readonly adoption: { readonly done: number; readonly of: number } | null;
  readonly ignored: readonly { readonly reason: IgnoreReason; readonly pipelines: number }[];
  readonly events: readonly EventCount[];
  /** How many repos are known, and how many pairs of repo and tier are shown. */
  readonly repos: number;
  readonly pairs: number;
}

export interface ForgeStatus {
  readonly url: string;
  /** Deployments that it is still to be asked for. */
  readonly pending: number;
  /** What is wrong and what to do, as it was logged. */
  readonly troubles: readonly string[];
}

export interface WoodpeckerStatus {
  readonly url: string;
  readonly isUp: boolean | null;
  /** `null`: the event stream is not followed. */
  readonly isStreaming: boolean | null;
  /** What is wrong and what to do, as it was logged. */
  readonly troubles: readonly string[];
  /** Repos that wait for their pipelines to be read. */
  readonly backlog: number;
  /** Unix seconds of the last round; `null`: none since the start. */
  readonly reconciledAt: number | null;
  /** Ends that reconciliation has found since the start, and that webhook and stream had missed. */
  readonly missed: number;
}

export function troublesOf({ woodpecker, forge }: Pick<Status, 'woodpecker' | 'forge'>): readonly string[] {
  return [...(woodpecker?.troubles ?? []), ...(forge?.troubles ?? [])];
}

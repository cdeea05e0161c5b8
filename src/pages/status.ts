/** The state of the exporter itself, for `/operations` and for the advice on the first page. */

import type { IgnoreReason } from '../core/classification.ts';
import type { EventCount } from '../core/pipeline-counts.ts';
import type { SourceActivity } from '../metrics/self-metrics.ts';
import type { BackfillSummary } from '../sources/backfill.ts';

export interface Status {
  readonly version: string;
  /** Unix seconds. */
  readonly now: number;
  readonly startedAt: number;
  /** The reason why it is not ready; `null`: it is ready. */
  readonly notReady: string | null;
  /** `null`: webhook only. */
  readonly woodpecker: WoodpeckerStatus | null;
  /** `null`: there is no forge. */
  readonly forge: ForgeStatus | null;
  readonly sources: readonly SourceActivity[];
  readonly following: number;
  readonly backfills: readonly BackfillSummary[];
  /** Repos that are prepared for another policy; `null`: there is none. */
  readonly adoption: { readonly done: number; readonly of: number } | null;
  readonly ignored: readonly { readonly reason: IgnoreReason; readonly pipelines: number }[];
  readonly events: readonly EventCount[];
  /** Number of known repos, and of shown pairs of repo and tier. */
  readonly repos: number;
  readonly pairs: number;
}

export interface ForgeStatus {
  readonly url: string;
  /** Number of deployments that still need a lookup. */
  readonly pending: number;
  /** Problems and remedies, as logged. */
  readonly troubles: readonly string[];
}

export interface WoodpeckerStatus {
  readonly url: string;
  readonly isUp: boolean | null;
  /** `null`: the event stream is disabled. */
  readonly isStreaming: boolean | null;
  /** Problems and remedies, as logged. */
  readonly troubles: readonly string[];
  /** Number of repos that wait for a sync. */
  readonly backlog: number;
  /** Unix seconds of the last round; `null`: none since the start. */
  readonly reconciledAt: number | null;
  /** Number of ends since the start that webhook and stream have missed, and reconciliation has found. */
  readonly missed: number;
}

export function troublesOf({ woodpecker, forge }: Pick<Status, 'woodpecker' | 'forge'>): readonly string[] {
  return [...(woodpecker?.troubles ?? []), ...(forge?.troubles ?? [])];
}

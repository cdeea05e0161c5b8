/** What is failing, how each tier and repo does, and how that developed: of one moment, over one window. */

import type { ListedIncident } from './failures/listed-incident.ts';
import type { FigurePoint } from './figure-history.ts';
import type { Window } from './policy.ts';
import type { Cause } from './verdict.ts';
import type { WindowFigures } from './windows/window-figures.ts';

export const rowOrders = [
  'failing',
  'repo',
  'deployments',
  'lead_time',
  'fail_rate',
  'recovery',
  'rework',
  'last',
] as const;
export type RowOrder = (typeof rowOrders)[number];

export interface OverviewRequest {
  readonly window: Window;
  /** Unix seconds; `null`: now. */
  readonly at: number | null;
  /** `null`: all tiers. */
  readonly tier: string | null;
  /** Part of the repos' names, in any case; empty: all. */
  readonly search: string;
  readonly order: RowOrder;
  readonly isDescending: boolean;
}

/** Rejects with `StoreUnavailable`. */
export type ShowOverview = (request: OverviewRequest) => Promise<Overview>;

export interface Overview {
  /** Unix seconds. */
  readonly at: number;
  /** Every tier that is shown, whatever is asked for. */
  readonly tierNames: readonly string[];
  readonly tiers: readonly TierOverview[];
  /** The first of those that are failing, and how many there are in each tier. */
  readonly failing: readonly FailingPair[];
  readonly failingIn: readonly { readonly tier: string; readonly pairs: number }[];
  readonly incidents: readonly ListedIncident[];
  /** Open incidents that are not listed. */
  readonly otherIncidents: number;
  readonly rows: readonly PairRow[];
  /** How many there would be without a limit. */
  readonly matching: number;
  readonly pairs: number;
}

export interface TierOverview {
  readonly tier: string;
  readonly repos: number;
  readonly failing: number;
  readonly figures: WindowFigures | null;
  /** At the ends of earlier windows, the latest last; `null`: being worked out. */
  readonly history: readonly FigurePoint[] | null;
  readonly bars: readonly DeploymentBar[];
  /** Seconds of each bar. */
  readonly barSeconds: number;
  /** The latest of them, latest first. */
  readonly failed: readonly FailedDeployment[];
}

/** The deployments of one hour, day or week. All times are Unix seconds. */
export interface DeploymentBar {
  readonly start: number;
  /** The first and the last second that also lie in the window. */
  readonly from: number;
  readonly to: number;
  readonly succeeded: number;
  readonly failed: number;
  /** A deployment may have failed for several causes. */
  readonly byCause: Readonly<Partial<Record<Cause, number>>>;
}

export interface FailedDeployment {
  readonly repo: string;
  readonly tier: string;
  readonly at: number;
  readonly number: number;
  readonly commit: string;
  readonly causes: readonly Cause[];
  /** Its page in Woodpecker; `null`: there is none. */
  readonly url: string | null;
}

export interface FailingPair {
  readonly repo: string;
  readonly tier: string;
  /** Unix seconds. */
  readonly since: number;
  /** The last that failed; `null` if memory holds none. */
  readonly last: FailedDeployment | null;
}

export interface PairRow {
  readonly repo: string;
  readonly tier: string;
  /** Unix seconds; 0: it is not failing. */
  readonly failingSince: number;
  /** Unix seconds of the last deployment; 0: none. */
  readonly lastAt: number;
  readonly figures: WindowFigures | null;
}

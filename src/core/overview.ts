/** The overview: open failures, the figures of tiers and repos, and their history, at one moment over one window. */

import type { ListedIncident } from './failures/listed-incident.ts';
import type { FigurePoint } from './figure-history.ts';
import { figuresByName, type NamedFigure } from './figures/index.ts';
import type { Window } from './policy.ts';
import type { Stop } from './stop.ts';
import type { Cause } from './verdict.ts';
import type { WindowFigures } from './windows/window-figures.ts';

export type RowOrder = 'failing' | 'repo' | NamedFigure['column']['order'] | 'last';

export const rowOrders: readonly RowOrder[] = [
  'failing',
  'repo',
  ...Object.values(figuresByName).map(({ column }) => column.order),
  'last',
];

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
  /** All tiers with a series, even if the request is for one tier. */
  readonly tierNames: readonly string[];
  readonly tiers: readonly TierOverview[];
  /** Pairs of the requested tiers with an open failure, up to a limit. */
  readonly failing: readonly FailingPair[];
  /** Number of all pairs with an open failure, per requested tier. */
  readonly failingIn: readonly { readonly tier: string; readonly pairs: number }[];
  /** Open incidents of the requested tiers, up to a limit. */
  readonly incidents: readonly ListedIncident[];
  /** Number of open incidents that are not listed. */
  readonly otherIncidents: number;
  /** Number of failing pairs and of open incidents in the tiers that were not requested. */
  readonly elsewhere: { readonly failing: number; readonly incidents: number };
  readonly rows: readonly PairRow[];
  /** Number of rows without a limit. */
  readonly matching: number;
  /** Number of all pairs, whether they match or not. */
  readonly pairs: number;
}

export interface TierOverview {
  readonly tier: string;
  readonly repos: number;
  readonly failing: number;
  readonly figures: WindowFigures | null;
  /** The figures at the ends of earlier windows, the latest last; `null`: not computed yet. */
  readonly history: readonly FigurePoint[] | null;
  readonly bars: readonly DeploymentBar[];
  /** Length of a bar in seconds. */
  readonly barSeconds: number;
  /** The latest failed deployments, latest first. */
  readonly failed: readonly FailedDeployment[];
  /** How many have failed of each repo, most first: the first of those repos, and how many other repos have some. */
  readonly failedIn: readonly { readonly repo: string; readonly deployments: number }[];
  readonly otherFailedRepos: number;
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
  /** The last failed deployment; `null`: none is in memory. */
  readonly last: FailedDeployment | null;
  /** The place where it failed; `null`: unknown. */
  readonly failedPart: Stop | null;
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

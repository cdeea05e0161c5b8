/** Request and answer for a list of incidents. */

/** All times are Unix seconds. */
export interface ListedIncident {
  readonly id: string;
  readonly kind: 'alert' | 'report';
  /** Current name of its repo; the reported name if the incident has no known pair. */
  readonly repo: string;
  readonly tier: string;
  /** Whether it has a known pair. */
  readonly isOfPair: boolean;
  readonly start: number;
  /** `null`: open. */
  readonly end: number | null;
  /** Whether its alert's last receipt is so long ago that it no longer counts as open. */
  readonly isStale: boolean;
  readonly receivedAt: number | null;
  readonly title: string | null;
  readonly url: string | null;
  readonly deployment: number | null;
}

export interface IncidentListRequest {
  /** Full name in any case; `undefined`: all repos. */
  readonly repo?: string | undefined;
  readonly tier?: string | undefined;
  /** Whether to list only incidents that are open at `now`. */
  readonly isOpen?: boolean | undefined;
  readonly limit: number;
  /** Unix seconds; an earlier moment shows what was open then. */
  readonly now: number;
}

export interface IncidentList {
  /** The latest start first, without withdrawn incidents and without alerts that no rule maps. */
  readonly incidents: readonly ListedIncident[];
  /** Number of further incidents, beyond the limit. */
  readonly others: number;
}

/** Rejects with `StoreUnavailable`. */
export type ListIncidents = (request: IncidentListRequest) => Promise<IncidentList>;

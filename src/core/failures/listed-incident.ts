/** Incidents as a list shows them. */

/** All times are Unix seconds. */
export interface ListedIncident {
  readonly id: string;
  readonly kind: 'alert' | 'report';
  /** Current name of its repo; the reported one if no pair has it. */
  readonly repo: string;
  readonly tier: string;
  /** Whether it has found its pair. */
  readonly isOfPair: boolean;
  readonly start: number;
  /** `null`: open. */
  readonly end: number | null;
  /** Whether its alert was not received for so long that it no longer counts as open. */
  readonly isStale: boolean;
  readonly receivedAt: number | null;
  readonly title: string | null;
  readonly url: string | null;
  readonly deployment: number | null;
}

export interface IncidentListRequest {
  /** In any case; `undefined`: of all. */
  readonly repo?: string | undefined;
  readonly tier?: string | undefined;
  readonly isOpen?: boolean | undefined;
  readonly limit: number;
  /** Unix seconds. */
  readonly now: number;
}

export interface IncidentList {
  /** The newest by their start, newest first; withdrawn ones, and alerts that no rule maps, left out. */
  readonly incidents: readonly ListedIncident[];
  /** How many there are besides. */
  readonly others: number;
}

/** Rejects with `StoreUnavailable`. */
export type ListIncidents = (request: IncidentListRequest) => Promise<IncidentList>;

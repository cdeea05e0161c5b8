/** An interval in which a service did not work, as an alert or a person reports it. */

/** All times are Unix seconds. */
export interface Incident {
  readonly id: string;
  readonly start: number;
  /** `null`: open. */
  readonly end: number | null;
  /** When its alert was last received; `null`: a report, which is never stale. */
  readonly receivedAt: number | null;
}

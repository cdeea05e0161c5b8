/**
 * Joins the plain reports of one incident.
 *
 * Reports with the same id are joined field by field, so a field of an earlier report stays known. The later of two
 * values wins: later by the report's own `updated`, else by its receipt. Guarantees: reports with different `updated`
 * times give the same result in any order; repetition changes nothing. Without `updated`, the order matters only if
 * two reports contradict each other in a field: nothing else says which is newer.
 */

import type { Incident } from '../incident.ts';

/** Fields of a report. All times are Unix seconds. */
export interface IncidentFields {
  readonly repo: string;
  readonly tier: string;
  readonly started: number;
  /** `null`: the incident is open. */
  readonly resolved: number | null;
  readonly title: string | null;
  readonly url: string | null;
  /** Number of the pipeline whose deployment the incident belongs to, as reported. */
  readonly deployment: number | null;
  readonly dismissed: boolean;
}

/** A value, and when it was reported. */
export interface Said<T> {
  readonly value: T;
  /** Unix seconds. */
  readonly at: number;
}

/** Every field that was ever reported. Repo, tier and start are in the first report already. */
export type IncidentReport = {
  readonly [Field in keyof IncidentFields]?: Said<IncidentFields[Field]>;
} & Required<{ readonly [Field in 'repo' | 'tier' | 'started']: Said<IncidentFields[Field]> }>;

/** One report, made at `at` (Unix seconds). It may leave out fields. */
export function saidAt(
  fields: Pick<IncidentFields, 'repo' | 'tier' | 'started'> & Partial<IncidentFields>,
  at: number,
): IncidentReport {
  const said = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => [field, { value, at }]);
  return Object.fromEntries(said) as IncidentReport;
}

/** Joins both, field by field. If a field was reported at the same moment, `next` wins. */
export function joinReports(known: IncidentReport, next: IncidentReport): IncidentReport {
  const newer = Object.entries(next).filter(([field, said]) => {
    const before = known[field as keyof IncidentFields];
    return before === undefined || said.at >= before.at;
  });
  return { ...known, ...Object.fromEntries(newer) };
}

/** The incident of a report. If a correction has put its start after its end, the incident ends at its start. */
export function incidentOfReport(id: string, { started, resolved }: IncidentReport): Incident {
  const end = resolved?.value ?? null;
  const start = started.value;
  return { id, start, end: end === null ? null : Math.max(start, end), receivedAt: null };
}

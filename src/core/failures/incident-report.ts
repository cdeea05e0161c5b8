/**
 * What plain reports of one incident say together.
 *
 * Reports of one id are joined field by field, so what one of them said stays known. Of two values of a field the one
 * that was said later holds: later by the report's own `updated`, else by its receipt. Guarantees: reports that carry
 * different `updated` times give the same in any order; repetition changes nothing. Without `updated`, only two reports
 * that contradict each other in a field depend on their order, for nothing else tells which is newer.
 */

import type { Incident } from '../incident.ts';

/** What a report may say. All times are Unix seconds. */
export interface IncidentFields {
  readonly repo: string;
  readonly tier: string;
  readonly started: number;
  /** `null`: it goes on. */
  readonly resolved: number | null;
  readonly title: string | null;
  readonly url: string | null;
  /** Number of the pipeline whose deployment it belongs to. */
  readonly deployment: number | null;
  readonly dismissed: boolean;
}

export interface Said<T> {
  readonly value: T;
  /** Unix seconds. */
  readonly at: number;
}

/** Each field that was ever said. The first report says at least repo, tier and start. */
export type IncidentReport = {
  readonly [Field in keyof IncidentFields]?: Said<IncidentFields[Field]>;
} & Required<{ readonly [Field in 'repo' | 'tier' | 'started']: Said<IncidentFields[Field]> }>;

/** One report: the fields that it leaves out are unsaid. */
export function saidAt(
  fields: Pick<IncidentFields, 'repo' | 'tier' | 'started'> & Partial<IncidentFields>,
  at: number,
): IncidentReport {
  const said = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => [field, { value, at }]);
  return Object.fromEntries(said) as IncidentReport;
}

/** Both together, field by field; at the same moment, what `next` says holds. */
export function joinReports(known: IncidentReport, next: IncidentReport): IncidentReport {
  const newer = Object.entries(next).filter(([field, said]) => {
    const before = known[field as keyof IncidentFields];
    return before === undefined || said.at >= before.at;
  });
  return { ...known, ...Object.fromEntries(newer) };
}

/** The incident that a report tells of. A correction may have put the start behind the end: it then ends at once. */
export function incidentOfReport(id: string, { started, resolved }: IncidentReport): Incident {
  const end = resolved?.value ?? null;
  const start = started.value;
  return { id, start, end: end === null ? null : Math.max(start, end), receivedAt: null };
}

/**
 * Tracked incidents: all reports of one alert, or the joined plain reports of one incident. The store keeps them; the
 * incidents follow from them and the policy.
 */

import type { Incident } from '../incident.ts';
import { nameKey } from '../repo.ts';
import { type AlertReport, incidentsOfAlert, isSameReport, withReport } from './alert-incidents.ts';
import { type IncidentReport, incidentOfReport, joinReports } from './incident-report.ts';
import { type IncidentPlace, type IncidentRule, type Labels, placeOfAlert } from './incident-rules.ts';

export type TrackedIncident = TrackedAlert | TrackedReport;

export interface TrackedAlert extends Tracking {
  readonly kind: 'alert';
  /** Labels of the last receipt, at `labelsAt` (Unix seconds). */
  readonly labels: Labels;
  readonly labelsAt: number;
  readonly reports: readonly TitledReport[];
}

export interface TrackedReport extends Tracking {
  readonly kind: 'report';
  readonly report: IncidentReport;
}

interface Tracking {
  /** The alert's fingerprint, or the report's id. */
  readonly id: string;
  /** Set if a repo is renamed: incidents that were reported under its old name (a `nameKey`) stay with the repo. */
  readonly bound: { readonly name: string; readonly repo: number } | null;
  /** Number of its incidents that `dora_incidents_total` has counted. */
  readonly counted: number;
}

export interface TitledReport extends AlertReport {
  readonly title: string | null;
  readonly url: string | null;
}

export interface KnownIncident extends Incident {
  readonly isDismissed: boolean;
  readonly title: string | null;
  readonly url: string | null;
  /** Number of the pipeline whose deployment the report names. */
  readonly deployment: number | null;
}

export interface IncidentPolicy {
  readonly staleSeconds: number;
  readonly rules: readonly IncidentRule[];
}

/** Includes the kind, since the fingerprint of an alert may be equal to the id of a report. */
export function trackedKey({ kind, id }: Pick<TrackedIncident, 'kind' | 'id'>): string {
  return `${kind}/${id}`;
}

/** Repo and tier from the report, or from the policy's rule for an alert; `null`: no rule maps the alert. */
export function placeOf(tracked: TrackedIncident, { rules }: IncidentPolicy): IncidentPlace | null {
  if (tracked.kind === 'report') {
    return { repo: tracked.report.repo.value, tier: tracked.report.tier.value };
  }
  const place = placeOfAlert(tracked.labels, rules);
  return typeof place === 'string' ? null : place;
}

/** Key of the renamed repo to which the incident is bound; `null`: it belongs to the repo that has the name. */
export function boundRepo({ bound }: TrackedIncident, place: IncidentPlace): number | null {
  return bound?.name === nameKey(place.repo) ? bound.repo : null;
}

/** Its incidents, dismissed ones too, in order of their start. */
export function incidentsOf(tracked: TrackedIncident, { staleSeconds }: IncidentPolicy): KnownIncident[] {
  if (tracked.kind === 'report') {
    const { dismissed, title, url, deployment } = tracked.report;
    return [
      {
        ...incidentOfReport(tracked.id, tracked.report),
        isDismissed: dismissed?.value ?? false,
        title: title?.value ?? null,
        url: url?.value ?? null,
        deployment: deployment?.value ?? null,
      },
    ];
  }
  return incidentsOfAlert(tracked.id, tracked.reports, staleSeconds).map(({ reports, ...incident }) => ({
    ...incident,
    title: reports.findLast(({ title }) => title !== null)?.title ?? null,
    url: reports.findLast(({ url }) => url !== null)?.url ?? null,
    deployment: null,
  }));
}

/** More than enough for an alert that fires and ends every hour of a week. */
export const mostReportsPerAlert = 500;

/** The alert with one more report. Only the `mostReportsPerAlert` reports with the latest start are kept. */
export function withAlertReport(
  alert: TrackedAlert,
  report: TitledReport,
  labels: Labels,
  { staleSeconds }: IncidentPolicy,
): TrackedAlert {
  const isNewest = report.receivedAt >= alert.labelsAt;
  const all = withReport(alert.reports, report);
  const reports = all.slice(-mostReportsPerAlert);
  const count = (some: readonly TitledReport[]) => incidentsOfAlert(alert.id, some, staleSeconds).length;
  const forgotten = reports.length < all.length ? count(all) - count(reports) : 0;
  return {
    ...alert,
    labels: isNewest ? labels : alert.labels,
    labelsAt: Math.max(alert.labelsAt, report.receivedAt),
    reports,
    counted: Math.max(0, alert.counted - forgotten),
  };
}

/** Whether the report, which the alert does not have yet, begins an incident after all others. */
export function beginsIncident(
  { id, reports }: TrackedAlert,
  report: TitledReport,
  { staleSeconds }: IncidentPolicy,
): boolean {
  const last = incidentsOfAlert(id, withReport(reports, report), staleSeconds).at(-1);
  return last?.start === report.start && last.reports.length === 1;
}

/** The alert under another id: a later alert with its fingerprint may then belong to another repo. */
export function withIdOfItsOwn(alert: TrackedAlert): TrackedAlert {
  return { ...alert, id: `${alert.id}@${alert.reports[0]?.start}` };
}

/** The incident after one more report with the same id. */
export function withPlainReport(known: TrackedReport, next: IncidentReport): TrackedReport {
  return { ...known, report: joinReports(known.report, next) };
}

/** The same with the incident of that id dismissed at `now` (Unix seconds); `null` if it has no such incident. */
export function withdraw(
  tracked: TrackedIncident,
  incidentId: string,
  policy: IncidentPolicy,
  now: number,
): TrackedIncident | null {
  if (tracked.kind === 'report') {
    if (tracked.id !== incidentId) return null;
    const at = Math.max(now, tracked.report.dismissed?.at ?? now);
    return { ...tracked, report: { ...tracked.report, dismissed: { value: true, at } } };
  }
  // The id contains a start; a later report may have moved the incident's start to an earlier time.
  const found = incidentsOfAlert(tracked.id, tracked.reports, policy.staleSeconds).find(({ reports }) =>
    reports.some(({ start }) => `${tracked.id}-${start}` === incidentId),
  );
  const [first] = found?.reports ?? [];
  if (!first) return null;
  return {
    ...tracked,
    reports: tracked.reports.map((report) =>
      isSameReport(report, first) ? { ...report, isDismissed: true } : report,
    ),
  };
}

/**
 * The same without the titles and links of incidents that are dismissed, or whose end, else last receipt, else start,
 * is before `since` (Unix seconds). The same object if it has none of these.
 */
export function withoutOldTexts(
  tracked: TrackedIncident,
  policy: IncidentPolicy,
  since: number,
): TrackedIncident {
  const mayKeep = ({ isDismissed, end, receivedAt, start }: Incident & { isDismissed: boolean }) =>
    !isDismissed && (end ?? receivedAt ?? start) >= since;
  if (tracked.kind === 'report') {
    const { title, url } = tracked.report;
    if ((title?.value ?? url?.value ?? null) === null || incidentsOf(tracked, policy).every(mayKeep)) {
      return tracked;
    }
    const emptied = {
      ...(title && { title: { ...title, value: null } }),
      ...(url && { url: { ...url, value: null } }),
    };
    return { ...tracked, report: { ...tracked.report, ...emptied } };
  }
  if (tracked.reports.every(({ title, url }) => title === null && url === null)) return tracked;
  const incidents = incidentsOfAlert(tracked.id, tracked.reports, policy.staleSeconds);
  if (incidents.every(mayKeep)) return tracked;
  const reports = incidents.flatMap((incident) =>
    mayKeep(incident)
      ? incident.reports
      : incident.reports.map((report) => ({ ...report, title: null, url: null })),
  );
  return { ...tracked, reports };
}

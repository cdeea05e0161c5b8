/**
 * All that is known of one alert, or of the plain reports of one incident: what the store keeps, and the incidents that
 * follow from it under a policy.
 */

import type { Incident } from '../incident.ts';
import { nameKey } from '../repo.ts';
import { type AlertReport, incidentsOfAlert, isSameReport, withReport } from './alert-incidents.ts';
import { type IncidentReport, incidentOfReport, joinReports } from './incident-report.ts';
import { type IncidentPlace, type IncidentRule, type Labels, placeOfAlert } from './incident-rules.ts';

export type TrackedIncident = TrackedAlert | TrackedReport;

export interface TrackedAlert extends Tracking {
  readonly kind: 'alert';
  /** As they were last received, at `labelsAt` (Unix seconds). */
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
  /** The repo that had the name when it was renamed: what was reported under that name stays with it. */
  readonly bound: { readonly name: string; readonly repo: number } | null;
  /** How many of its incidents `dora_incidents_total` has counted. */
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

/** A fingerprint may be equal to the id of a report. */
export function trackedKey({ kind, id }: Pick<TrackedIncident, 'kind' | 'id'>): string {
  return `${kind}/${id}`;
}

/** Repo and tier, as the policy has it; `null`: none. */
export function placeOf(tracked: TrackedIncident, { rules }: IncidentPolicy): IncidentPlace | null {
  if (tracked.kind === 'report') {
    return { repo: tracked.report.repo.value, tier: tracked.report.tier.value };
  }
  const place = placeOfAlert(tracked.labels, rules);
  return typeof place === 'string' ? null : place;
}

/** Key of the repo that the place means whatever its name is now; `null`: the one that has the name. */
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

/** Far more than an alert that fires and ends every hour has in a week. */
export const mostReportsPerAlert = 500;

/** The alert after one more report. The latest reports by their start are kept. */
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

/** The report after one more of the same id. */
export function withPlainReport(known: TrackedReport, next: IncidentReport): TrackedReport {
  return { ...known, report: joinReports(known.report, next) };
}

/** With the incident of that id withdrawn, as said at `now`; `null` if it has none. */
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
  // The id tells a start that a later report may have moved to an earlier one.
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

/** Without titles and links of incidents that are dismissed, or were over before `since`; the same if it has none. */
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

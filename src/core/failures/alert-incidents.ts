/**
 * Derives incidents from the reports of one alert. Alertmanager and Grafana send reports repeatedly.
 *
 * A fingerprint identifies an alert. Each report is an interval that begins at its `startsAt`. Alertmanager moves
 * `startsAt` while an alert is firing, so intervals that overlap are one incident. Guarantees: incidents follow from
 * the set of reports and their last receipts alone, whatever the order of arrival.
 */

import { countBefore } from '../count-before.ts';
import type { Incident } from '../incident.ts';

/** All times are Unix seconds. */
export interface AlertReport {
  readonly start: number;
  /** `null`: the alert was firing. */
  readonly end: number | null;
  /** Last receipt of this report. */
  readonly receivedAt: number;
  /** Withdraws the incident that the report belongs to. */
  readonly isDismissed: boolean;
}

export interface AlertIncident<Report extends AlertReport = AlertReport> extends Incident {
  readonly receivedAt: number;
  readonly isDismissed: boolean;
  /** In order of their start. */
  readonly reports: readonly Report[];
}

/** `reports` and `added`, in order. A report with the same start and end is the same report, received again. */
export function withReport<Report extends AlertReport>(
  reports: readonly Report[],
  added: Report,
): readonly Report[] {
  const known = reports.find((one) => isSameReport(one, added));
  const others = reports.filter((one) => one !== known);
  const isDismissed = added.isDismissed || (known?.isDismissed ?? false);
  const latest = known && known.receivedAt > added.receivedAt ? known : added;
  return [...others, { ...latest, isDismissed }].sort(compareReports);
}

export function isSameReport(a: AlertReport, b: AlertReport): boolean {
  return a.start === b.start && a.end === b.end;
}

/**
 * The incidents of one alert, in order. `staleSeconds`: how long a firing alert counts as open without a repetition.
 */
export function incidentsOfAlert<Report extends AlertReport>(
  fingerprint: string,
  reports: readonly Report[],
  staleSeconds: number,
): readonly AlertIncident<Report>[] {
  const ends = reports.flatMap(({ end }) => end ?? []).sort((a, b) => a - b);
  const resolvedStarts = new Set(reports.flatMap(({ start, end }) => (end === null ? [] : [start])));
  const incidents: Draft<Report>[] = [];
  for (const report of [...reports].sort(compareReports)) {
    let current = incidents.at(-1);
    if (!current || !doesReach(current, report.start, staleSeconds)) {
      current = { start: report.start, end: report.start, endToCome: null, receivedAt: 0, reports: [] };
      incidents.push(current);
    }
    current.reports.push(report);
    current.receivedAt = Math.max(current.receivedAt, report.receivedAt);
    if (report.end !== null) current.end = Math.max(current.end, report.end);
    else if (!resolvedStarts.has(report.start)) current.endToCome = leastFrom(ends, report.start);
    if (current.endToCome !== null && current.endToCome <= current.receivedAt + staleSeconds) {
      current.end = Math.max(current.end, current.endToCome);
      current.endToCome = null;
    }
  }
  return incidents.map(({ start, end, endToCome, receivedAt, reports: own }) => ({
    id: `${fingerprint}-${start}`,
    start,
    end: endToCome === null ? end : null,
    receivedAt,
    isDismissed: own.some((report) => report.isDismissed),
    reports: own,
  }));
}

interface Draft<Report> {
  readonly start: number;
  /** Latest end of the intervals that have one. */
  end: number;
  /**
   * End of the latest firing report that no report with the same start resolves: the least end in any report from its
   * start on, infinite if there is none. `null`: every report is resolved. The end of a report with another start
   * counts only within `staleSeconds` of the incident's last receipt.
   */
  endToCome: number | null;
  receivedAt: number;
  readonly reports: Report[];
}

/**
 * Whether an interval that begins at `start`, not before the incident, overlaps it. A firing alert reaches until
 * stale.
 */
function doesReach(
  incident: Pick<Draft<never>, 'start' | 'end' | 'endToCome' | 'receivedAt'>,
  start: number,
  staleSeconds: number,
): boolean {
  if (start === incident.start || start < incident.end) return true;
  return incident.endToCome !== null && start <= incident.receivedAt + staleSeconds;
}

/** The least of `sorted` that is not below `from`; infinite if there is none. */
function leastFrom(sorted: readonly number[], from: number): number {
  return sorted[countBefore(sorted, (one) => one >= from)] ?? Number.POSITIVE_INFINITY;
}

function compareReports(a: AlertReport, b: AlertReport): number {
  return a.start - b.start || (a.end ?? Number.MAX_VALUE) - (b.end ?? Number.MAX_VALUE);
}

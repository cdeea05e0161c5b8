/** Stores alerts and reports of incidents. */

import { isSameReport } from '../../core/failures/alert-incidents.ts';
import type { IncidentReport } from '../../core/failures/incident-report.ts';
import {
  type AlertIgnoreReason,
  type Labels,
  labelsToKeep,
  placeOfAlert,
} from '../../core/failures/incident-rules.ts';
import {
  beginsIncident,
  type TitledReport,
  withAlertReport,
  withdraw,
  withIdOfItsOwn,
  withPlainReport,
} from '../../core/failures/tracked-incident.ts';
import type { UnitOfWork } from '../unit-of-work.ts';

export type IncidentResult = 'stored' | 'duplicate' | AlertIgnoreReason | 'limit';

export interface ReceivedAlert {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly report: TitledReport;
}

export interface AlertAnswer {
  readonly fingerprint: string;
  readonly result: IncidentResult;
}

export async function storeAlerts(
  uow: UnitOfWork,
  { alerts }: { readonly alerts: readonly ReceivedAlert[] },
): Promise<readonly AlertAnswer[]> {
  const answers: AlertAnswer[] = [];
  for (const alert of alerts) {
    answers.push({ fingerprint: alert.fingerprint, result: await storeAlert(uow, alert) });
  }
  return answers;
}

async function storeAlert(
  { incidents, mode }: UnitOfWork,
  { fingerprint, labels, report }: ReceivedAlert,
): Promise<IncidentResult> {
  const kept = labelsToKeep(labels);
  const place = placeOfAlert(kept, mode.policy.incidents.rules);
  if (place === 'own_alert') return place;
  const storeNew = () => {
    const tracked = { labels: kept, labelsAt: report.receivedAt, reports: [report], bound: null, counted: 0 };
    return incidents.putNew({ kind: 'alert', id: fingerprint, ...tracked });
  };
  const known = await incidents.alert(fingerprint);
  if (!known) return place === 'no_rule' ? place : storeNew();
  const isNews = !known.reports.some((one) => isSameReport(one, report));
  if (isNews && !incidents.admitsReport()) return 'limit';
  const isOfAnother = place !== 'no_rule' && incidents.hasOldName(known);
  if (isNews && isOfAnother && beginsIncident(known, report, mode.policy.incidents)) {
    const result = await storeNew();
    if (result === 'stored') await incidents.put(withIdOfItsOwn(known));
    return result;
  }
  await incidents.put(withAlertReport(known, report, kept, mode.policy.incidents));
  return isNews ? 'stored' : 'duplicate';
}

export async function storeIncident(
  { incidents }: UnitOfWork,
  { id, report }: { readonly id: string; readonly report: IncidentReport },
): Promise<IncidentResult> {
  const known = await incidents.report(id);
  if (!known) return incidents.putNew({ kind: 'report', id, report, bound: null, counted: 0 });
  const after = withPlainReport(known, report);
  if (hasSameValues(known.report, after.report)) return 'duplicate';
  await incidents.put(after);
  return 'stored';
}

/** `false`: there is no such incident. */
export async function withdrawIncident(
  { incidents, mode, now }: UnitOfWork,
  { id }: { readonly id: string },
): Promise<boolean> {
  const fingerprint = id.slice(0, Math.max(0, id.lastIndexOf('-')));
  for (const tracked of [await incidents.report(id), await incidents.alert(fingerprint)]) {
    const withdrawn = tracked && withdraw(tracked, id, mode.policy.incidents, now);
    if (!withdrawn) continue;
    await incidents.put(withdrawn);
    return true;
  }
  return false;
}

/** Whether both have the same values, whatever their times. */
function hasSameValues(a: IncidentReport, b: IncidentReport): boolean {
  const valuesOf = (report: IncidentReport) =>
    JSON.stringify(
      Object.entries(report)
        .map(([field, { value }]) => [field, value])
        .sort(),
    );
  return valuesOf(a) === valuesOf(b);
}

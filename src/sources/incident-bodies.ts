/** Reads bodies that report incidents: alerts of Alertmanager and Grafana, and plain reports. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { compareText } from '../core/compare-text.ts';
import { type IncidentReport, saidAt } from '../core/failures/incident-report.ts';
import { longestTierName } from '../core/failures/incident-rules.ts';
import type { ReceivedAlert } from '../ingest/requests/incidents.ts';
import { createEventLoopYield } from '../util/clock.ts';
import { type FieldError, type ParsedFields, parseFields } from '../util/validate.ts';
import { cutText, RepoName } from '../woodpecker/wire.ts';
import { aheadErrors } from './times-ahead.ts';

const longestTitle = 256;
const longestUrl = 2048;
const longestId = 256;
/** Unix seconds. Some programs send an earlier time, such as year 1, for "no time". */
const earliestTime = Date.parse('2000-01-01T00:00:00Z') / 1000;
const expectedTime = 'Expected Unix seconds or a time such as 2026-01-01T00:00:00Z';

const isDateTime = (text: string) => z.iso.datetime({ offset: true }).safeParse(text).success;

/** From Unix seconds or RFC 3339 to whole Unix seconds. */
export const Time = z.union([z.number(), z.string()], expectedTime).transform((value, context) => {
  const text = String(value);
  const at = /^\d{1,11}(\.\d+)?$/.test(text)
    ? Math.floor(Number(text))
    : isDateTime(text)
      ? Math.floor(Date.parse(text) / 1000)
      : Number.NaN;
  if (at >= earliestTime) return at;
  context.addIssue({
    code: 'custom',
    message: Number.isNaN(at) ? expectedTime : 'Expected a time after 2000',
  });
  return z.NEVER;
});

/** No control characters, and no invisible ones such as changes of the writing direction. */
const plainText = /^[^\p{Cc}\p{Cf}]+$/u;
const plainTextWords = 'Expected text without control characters';
export const TierName = z.string().max(longestTierName).regex(plainText, plainTextWords);
const IncidentId = z.string().max(longestId).regex(plainText, plainTextWords);

/** Pages link to it, so another scheme than http or https becomes `null`. So does a URL that is too long. */
const Url = z
  .string()
  .nullish()
  .transform((text) => (text && text.length <= longestUrl && /^https?:\/\//i.test(text) ? text : null));
const optionalText = z.string().nullish();

const WireAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.unknown()).nullish(),
  startsAt: Time,
  /** Used only if the alert is resolved: a firing alert has a guess here, or no time. */
  endsAt: z.unknown().optional().describe('Needed if the status is resolved'),
  generatorURL: Url,
  fingerprint: optionalText,
});
type WireAlert = z.output<typeof WireAlert>;

/** A body of any `version`. */
export const AlertsBody = z.object({ alerts: z.array(WireAlert).min(1) });
const AlertList = z.object({ alerts: z.array(z.unknown()).min(1) });
const mostErrors = 20;

export const ReportBody = z.object({
  id: IncidentId,
  repo: RepoName,
  tier: TierName,
  started: Time,
  resolved: Time.nullish(),
  title: optionalText,
  url: Url.optional(),
  deployment: z.int().positive().nullish().describe('Number of the pipeline whose deployment it belongs to'),
  dismissed: z.boolean().nullish().describe('Withdraws the incident'),
  updated: Time.nullish().describe('When this was said; the time of its receipt if left out'),
});

/** The content of a body of any shape. */
export type IncidentMessage =
  | { readonly kind: 'alerts'; readonly alerts: readonly ReceivedAlert[] }
  | { readonly kind: 'report'; readonly id: string; readonly report: IncidentReport };

const noShape =
  'Expected alerts {"alerts": […]} or a report {"id": …, "repo": "owner/name", "tier": …, "started": …}';

/** Reads a parsed body. `now`: Unix seconds. Yields to the event loop, since a body may contain thousands of alerts. */
export async function readIncident(body: unknown, now: number): Promise<ParsedFields<IncidentMessage>> {
  const fields = typeof body === 'object' && body !== null ? body : {};
  if ('alerts' in fields) return readAlerts(fields, now);
  if ('id' in fields) return readReport(fields, now);
  return { ok: false, errors: [{ path: '', message: noShape }] };
}

/** Stops after twenty mistakes, since a hostile body may contain very many. */
async function readAlerts(body: object, now: number): Promise<ParsedFields<IncidentMessage>> {
  const list = parseFields(AlertList, body);
  if (!list.ok) return list;
  const yieldToEventLoop = createEventLoopYield();
  const errors: FieldError[] = [];
  const alerts: ReceivedAlert[] = [];
  for (const [index, one] of list.value.alerts.entries()) {
    if (errors.length >= mostErrors) break;
    await yieldToEventLoop();
    const above = `alerts.${index}`;
    const parsed = parseFields(WireAlert, one);
    if (parsed.ok) alerts.push(toReceivedAlert(parsed.value, above, now, errors));
    else errors.push(...parsed.errors.map(({ path, message }) => ({ path: join(above, path), message })));
  }
  return errors.length > 0 ? { ok: false, errors } : { ok: true, value: { kind: 'alerts', alerts } };
}

function toReceivedAlert(alert: WireAlert, above: string, now: number, errors: FieldError[]): ReceivedAlert {
  const end = alert.status === 'resolved' ? readEnd(alert, join(above, 'endsAt'), errors) : null;
  errors.push(
    ...aheadErrors({ [join(above, 'startsAt')]: alert.startsAt, [join(above, 'endsAt')]: end }, now),
  );
  return {
    fingerprint: fingerprintOf(alert),
    labels: alert.labels,
    report: {
      start: alert.startsAt,
      end,
      receivedAt: now,
      isDismissed: false,
      title: titleOf(alert),
      url: alert.generatorURL,
    },
  };
}

function readEnd({ startsAt, endsAt }: WireAlert, path: string, errors: FieldError[]): number | null {
  const end = Time.safeParse(endsAt);
  if (end.success && end.data >= startsAt) return end.data;
  errors.push({ path, message: end.success ? 'Expected a time not before "startsAt"' : expectedTime });
  return null;
}

function readReport(body: object, now: number): ParsedFields<IncidentMessage> {
  const parsed = parseFields(ReportBody, body);
  if (!parsed.ok) return parsed;
  const { id, updated, started, resolved, title, url, deployment, dismissed, ...place } = parsed.value;
  const errors = aheadErrors({ started, resolved, updated }, now);
  if (resolved != null && resolved < started) {
    errors.push({ path: 'resolved', message: 'Expected a time not before "started"' });
  }
  if (errors.length > 0) return { ok: false, errors };
  const said = {
    ...place,
    started,
    ...(resolved !== undefined && { resolved }),
    ...(title !== undefined && { title: toTitle(title) }),
    ...(url !== undefined && { url }),
    ...(deployment !== undefined && { deployment }),
    ...(dismissed != null && { dismissed }),
  };
  return { ok: true, value: { kind: 'report', id, report: saidAt(said, updated ?? now) } };
}

/** Older Alertmanagers send no fingerprint: the hash of the labels then identifies the alert. */
function fingerprintOf({ fingerprint, labels }: WireAlert): string {
  if (fingerprint && /^[\x21-\x7e]{1,128}$/.test(fingerprint)) return fingerprint;
  const sorted = Object.entries(labels).sort(([a], [b]) => compareText(a, b));
  const identity = fingerprint || JSON.stringify(sorted);
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

function titleOf({ labels, annotations }: WireAlert): string | null {
  const own = (from: object, name: string): unknown => Object.getOwnPropertyDescriptor(from, name)?.value;
  const found = [
    own(annotations ?? {}, 'summary'),
    own(annotations ?? {}, 'title'),
    own(labels, 'alertname'),
  ];
  return toTitle(found.find((text) => typeof text === 'string' && text !== ''));
}

/** A title or reason, cut to `longestTitle`; `null`: not a text, or empty. */
export function toTitle(text: unknown): string | null {
  return typeof text === 'string' ? cutText(text, longestTitle) || null : null;
}

function join(above: string, path: string): string {
  return above && path ? `${above}.${path}` : above || path;
}

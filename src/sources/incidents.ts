/**
 * Stores incidents and marks.
 *
 * Guarantees: the answer is returned after the commit; a body with a time in the future changes nothing.
 */

import type { AlertIgnoreReason } from '../core/failures/incident-rules.ts';
import type { OperatorMark } from '../core/failures/operator-mark.ts';
import { trackedKey } from '../core/failures/tracked-incident.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { IncidentResult } from '../ingest/requests/incidents.ts';
import type { MarkedPlace, MarkResult } from '../ingest/requests/marks.ts';
import { nowSeconds } from '../util/clock.ts';
import type { FieldError } from '../util/validate.ts';
import type { Dependencies } from './dependencies.ts';
import { type IncidentMessage, readIncident } from './incident-bodies.ts';

export type IncidentAnswer =
  | (IncidentOutcome & {
      readonly kind: 'accepted';
      /** The outcome of each alert in the body. `result` and `reason` then belong to the most important alert. */
      readonly alerts?: readonly (IncidentOutcome & { readonly fingerprint: string })[];
    })
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface IncidentOutcome {
  readonly result: 'stored' | 'duplicate' | 'ignored';
  /** Present if the result is `ignored`. */
  readonly reason?: AlertIgnoreReason | 'limit';
}

export interface Incidents {
  /** Stores a parsed body. Rejects with `StoreUnavailable`; nothing is then stored. */
  receive(body: unknown): Promise<IncidentAnswer>;
  /** `false`: there is no such incident. */
  withdraw(id: string): Promise<boolean>;
  /** Rejects with `StoreUnavailable`, as the others do. */
  mark(place: MarkedPlace, mark: OperatorMark, reason: string | null): Promise<MarkResult>;
  /** `false`: there is no such pipeline. */
  unmark(place: MarkedPlace): Promise<boolean>;
}

export function createIncidents({
  ingest,
  clock,
  onEvent,
}: Pick<Dependencies, 'ingest' | 'clock' | 'onEvent'>): Incidents {
  return {
    async receive(body) {
      const read = await readIncident(await withStoredFields(ingest, body), nowSeconds(clock));
      if (!read.ok) return { kind: 'invalid', errors: read.errors };
      const answer = await submitMessage(ingest, read.value);
      for (const { result } of answer.alerts ?? [answer]) onEvent('incident', result);
      return answer;
    },

    withdraw: (id) => ingest.submit({ kind: 'withdrawal', id }),

    mark: (place, mark, reason) =>
      ingest.submit({ ...place, kind: 'mark', mark, reason, markedAt: nowSeconds(clock) }),

    unmark: (place) => ingest.submit({ ...place, kind: 'dropMark' }),
  };
}

/** A later report of an incident may omit the required fields: adds them from the stored report. */
async function withStoredFields({ read }: Pick<Ingest, 'read'>, body: unknown): Promise<unknown> {
  if (typeof body !== 'object' || body === null || 'alerts' in body) return body;
  const { id } = body as { readonly id?: unknown };
  if (typeof id !== 'string' || requiredFields.every((field) => field in body)) return body;
  const known = await read(({ incidents }) => incidents.get(trackedKey({ kind: 'report', id })));
  if (known?.kind !== 'report') return body;
  const { repo, tier, started } = known.report;
  return { repo: repo.value, tier: tier.value, started: started.value, ...body };
}

const requiredFields = ['repo', 'tier', 'started'];

type Accepted = Extract<IncidentAnswer, { kind: 'accepted' }>;

async function submitMessage(
  { submit }: Pick<Ingest, 'submit'>,
  message: IncidentMessage,
): Promise<Accepted> {
  if (message.kind === 'report') {
    const { id, report } = message;
    return { kind: 'accepted', ...outcomeOf(await submit({ kind: 'incident', id, report })) };
  }
  const answers = await submit({ kind: 'alerts', alerts: message.alerts });
  const alerts = answers.map(({ fingerprint, result }) => ({ fingerprint, ...outcomeOf(result) }));
  const first =
    alerts.find(({ result }) => result === 'stored') ??
    alerts.find(({ result }) => result === 'duplicate') ??
    alerts[0];
  const { result, reason } = first ?? { result: 'duplicate', reason: undefined };
  return { kind: 'accepted', result, ...(reason && { reason }), alerts };
}

function outcomeOf(result: IncidentResult): IncidentOutcome {
  return result === 'stored' || result === 'duplicate' ? { result } : { result: 'ignored', reason: result };
}

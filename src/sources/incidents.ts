/**
 * Stores incidents and marks.
 *
 * Guarantees: the answer is returned after the commit; a body with a time in the future changes nothing.
 */

import type { AlertIgnoreReason } from '../core/failures/incident-rules.ts';
import type { OperatorMark, StoredMark } from '../core/failures/operator-mark.ts';
import { trackedKey } from '../core/failures/tracked-incident.ts';
import type { Repo } from '../core/repo.ts';
import type { IncidentResult } from '../ingest/incident-changes.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { UnitOfWork } from '../ingest/unit-of-work.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import type { FieldError } from '../util/validate.ts';
import type { SourceDependencies } from './event-labels.ts';
import { type IncidentMessage, readIncident } from './incident-bodies.ts';

export type IncidentAnswer =
  | (IncidentOutcome & {
      readonly kind: 'accepted';
      /** The outcome of each alert in the body. `result` and `reason` are then those of the most important alert. */
      readonly alerts?: readonly (IncidentOutcome & { readonly fingerprint: string })[];
    })
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface IncidentOutcome {
  readonly result: 'stored' | 'duplicate' | 'ignored';
  /** Present if the result is `ignored`. */
  readonly reason?: AlertIgnoreReason | 'limit';
}

export interface MarkRequest {
  readonly repo: string;
  /** The pipeline's number. */
  readonly number: number;
  readonly tier: string;
}

export interface Incidents {
  /** Stores a parsed body. Rejects with `StoreUnavailable`; nothing is then stored. */
  receive(body: unknown): Promise<IncidentAnswer>;
  /** `false`: there is no such incident. */
  withdraw(id: string): Promise<boolean>;
  /** Rejects with `StoreUnavailable`, as the others do. */
  mark(request: MarkRequest, mark: OperatorMark, reason: string | null): Promise<MarkAnswer>;
  /** `false`: there is no such pipeline. */
  unmark(request: MarkRequest): Promise<boolean>;
}

export type MarkAnswer = StoredMark | 'no_pipeline' | 'limit';

export function createIncidents({
  ingest,
  clock,
  onEvent,
}: SourceDependencies & { readonly clock: Clock }): Incidents {
  return {
    async receive(body) {
      const read = await readIncident(await withStoredFields(ingest, body), nowSeconds(clock));
      if (!read.ok) return { kind: 'invalid', errors: read.errors };
      const answer = await ingest.submit((uow) => receiveMessage(uow, read.message));
      for (const { result } of answer.alerts ?? [answer]) onEvent('incident', result);
      return answer;
    },

    withdraw: (id) => ingest.submit((uow) => uow.incidents.withdraw(id)),

    mark: ({ repo: name, number, tier }, mark, reason) =>
      ingest.submit(async (uow): Promise<MarkAnswer> => {
        const repo = await repoOfPipeline(uow, name, number);
        if (!repo) return 'no_pipeline';
        const stored: StoredMark = {
          repo: repo.key,
          number,
          tier,
          mark,
          reason,
          markedAt: nowSeconds(clock),
        };
        return (await uow.putMark(stored)) ? stored : 'limit';
      }),

    unmark: ({ repo: name, number, tier }) =>
      ingest.submit(async (uow) => {
        const repo = await repoOfPipeline(uow, name, number);
        if (repo) await uow.dropMark({ repo: repo.key, number, tier });
        return repo !== null;
      }),
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

async function receiveMessage({ incidents }: UnitOfWork, message: IncidentMessage): Promise<Accepted> {
  if (message.kind === 'report') {
    return { kind: 'accepted', ...outcomeOf(await incidents.receiveReport(message.id, message.report)) };
  }
  const alerts = [];
  for (const alert of message.alerts) {
    const { fingerprint } = alert;
    alerts.push({ fingerprint, ...outcomeOf(await incidents.receiveAlert(alert)) });
  }
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

/** The repo of this name that contains the pipeline; of several, the one named last. `null`: there is none. */
async function repoOfPipeline(uow: UnitOfWork, name: string, number: number): Promise<Repo | null> {
  for (const repo of uow.reposByName(name)) {
    if (await uow.tx.pipelines.get(repo.key, number)) return repo;
  }
  return null;
}

/**
 * Incidents and marks: what monitoring and operators say of deployments, from a checked body to the store.
 *
 * Guarantees: an answer comes after the commit; a body whose times lie ahead changes nothing.
 */

import type { AlertIgnoreReason } from '../core/failures/incident-rules.ts';
import type { OperatorMark, StoredMark } from '../core/failures/operator-mark.ts';
import type { Repo } from '../core/repo.ts';
import type { IncidentResult } from '../ingest/incident-changes.ts';
import type { UnitOfWork } from '../ingest/unit-of-work.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import type { FieldError } from '../util/validate.ts';
import type { SourceDependencies } from './event-labels.ts';
import { type IncidentMessage, readIncident } from './incident-bodies.ts';

export type IncidentAnswer =
  | (IncidentOutcome & {
      readonly kind: 'accepted';
      /** Of a body with alerts, each of them; the outcome is then that of the most important one. */
      readonly alerts?: readonly (IncidentOutcome & { readonly fingerprint: string })[];
    })
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface IncidentOutcome {
  readonly result: 'stored' | 'duplicate' | 'ignored';
  /** Why it is ignored. */
  readonly reason?: AlertIgnoreReason | 'limit';
}

export interface MarkRequest {
  readonly repo: string;
  /** Of the pipeline. */
  readonly number: number;
  readonly tier: string;
}

export interface Incidents {
  /** Takes in a parsed body. Rejects with `StoreUnavailable`; nothing was then taken in. */
  receive(body: unknown): Promise<IncidentAnswer>;
  /** `false`: there is no such incident. */
  withdraw(id: string): Promise<boolean>;
  /** Rejects, as the others do, with `StoreUnavailable`. */
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
      const read = await readIncident(body, nowSeconds(clock));
      if (!read.ok) return { kind: 'invalid', errors: read.errors };
      const answer = await ingest.submit((uow) => takeIn(uow, read.message));
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

type Accepted = Extract<IncidentAnswer, { kind: 'accepted' }>;

async function takeIn({ incidents }: UnitOfWork, message: IncidentMessage): Promise<Accepted> {
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

/** Of repos that share the name, the one that has such a pipeline, the one named last first. */
async function repoOfPipeline(uow: UnitOfWork, name: string, number: number): Promise<Repo | null> {
  for (const repo of uow.reposByName(name)) {
    if (await uow.tx.pipelines.get(repo.key, number)) return repo;
  }
  return null;
}

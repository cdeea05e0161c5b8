/**
 * Stores webhooks after authentication and parsing: finds out their shape, and checks them.
 *
 * With a Woodpecker URL, a body is only a hint to read this pipeline, and no other field of it is used. Without a URL, the
 * body is the only source, and counts if it reports an end. Guarantees: the answer is returned after the commit.
 */

import type { z } from 'zod';
import type { IgnoreReason } from '../core/classification.ts';
import type { PipelineRecord } from '../core/pipeline.ts';
import type { RepoFacts } from '../core/repo.ts';
import type { Ingest } from '../ingest/ingest.ts';
import { nowSeconds } from '../util/clock.ts';
import { type FieldError, type ParsedFields, parseFields } from '../util/validate.ts';
import { reportToRecord, reportToRepoFacts, toRecord, toRepoFacts } from '../woodpecker/normalise.ts';
import { timesOf } from '../woodpecker/pipeline-times.ts';
import { repoIdInLink, StepReport, WireBuild, WireEvent } from '../woodpecker/wire.ts';
import type { Dependencies } from './dependencies.ts';
import type { EventResult } from './event-labels.ts';
import { aheadErrors } from './times-ahead.ts';

/** The accepted bodies, by shape. */
export const webhookBodies = { event: WireEvent, build: WireBuild, report: StepReport };

export type WebhookAnswer =
  | AcceptedWebhook
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

type AcceptedWebhook = { readonly kind: 'accepted' } & (
  | { readonly result: Exclude<EventResult, 'rejected' | 'ignored'> }
  | { readonly result: 'ignored'; readonly reason: WebhookIgnoreReason }
);
type WebhookIgnoreReason = IgnoreReason | 'not_ended' | 'unverifiable';

/** The content of a body of any shape. */
interface Message {
  readonly repo: RepoFacts;
  readonly number: number;
  /** `null`: the shape's status is unreliable. */
  readonly record: PipelineRecord | null;
  readonly errors: readonly FieldError[];
}

export interface Webhook {
  /** Stores a parsed body. Rejects with `StoreUnavailable`; nothing is then stored. */
  receive(body: unknown): Promise<WebhookAnswer>;
}

export function createWebhook({
  ingest,
  clock,
  onEvent,
}: Pick<Dependencies, 'ingest' | 'clock' | 'onEvent'>): Webhook {
  return {
    async receive(body) {
      const now = nowSeconds(clock);
      const read = readMessage(body, now);
      if (!read.ok) return { kind: 'invalid', errors: read.errors };
      const message = read.value;
      const { canAsk } = ingest.mode;
      if (!canAsk && message.errors.length > 0) return { kind: 'invalid', errors: message.errors };

      const answer = canAsk ? await submitHint(ingest, message, now) : await submitReport(ingest, message);
      onEvent('webhook', answer.result);
      return answer;
    },
  };
}

/** The pipeline is then polled at once. */
async function submitHint(
  ingest: Ingest,
  { repo, number }: Message,
  receivedAt: number,
): Promise<AcceptedWebhook> {
  const result = await ingest.submit({ kind: 'hint', repo, number, receivedAt });
  const isIgnored = result === 'repo' || result === 'limit';
  return isIgnored ? ignored(result) : { kind: 'accepted', result };
}

/** The body is then the record of the pipeline. */
async function submitReport(ingest: Ingest, { repo, record }: Message): Promise<AcceptedWebhook> {
  if (!record) return ignored('unverifiable');
  const observed = await ingest.submit({ kind: 'report', repo, record });
  if (observed === 'limit') return ignored('limit');
  const { result, pipeline } = observed;
  if (result === 'unfinished') return ignored('not_ended');
  const { reason } = pipeline.classification;
  return result === 'stored' && reason !== null ? ignored(reason) : { kind: 'accepted', result };
}

function ignored(reason: WebhookIgnoreReason): AcceptedWebhook {
  return { kind: 'accepted', result: 'ignored', reason };
}

const noShape =
  'Expected an event {"repo": {…}, "pipeline": {…}}, a build {"repo": {…}, "build": {…}} or a report {"repo": "owner/name", "number": …}';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Finds out the shape by hand: a schema would copy the body first. */
function readMessage(body: unknown, now: number): ParsedFields<Message> {
  const fields = isObject(body) ? body : {};
  if (isObject(fields['pipeline'])) {
    return check(WireEvent, body, ({ repo, pipeline }) => ({
      repo: toRepoFacts(repo, pipeline.updated),
      number: pipeline.number,
      record: toRecord(pipeline, 'other', now),
      errors: aheadErrors(timesOf(pipeline), now),
    }));
  }
  if (isObject(fields['build'])) {
    return check(WireBuild, body, ({ repo, build }) => ({
      repo: {
        woodpeckerId: repoIdInLink(build.link, build.number),
        forgeRemoteId: null,
        fullName: repo,
        defaultBranch: null,
        asOf: 0,
      },
      number: build.number,
      record: null,
      errors: [],
    }));
  }
  if (typeof fields['repo'] === 'string') {
    return check(StepReport, body, (report) => ({
      repo: reportToRepoFacts(report),
      number: report.number,
      record: reportToRecord(report, now),
      errors: aheadErrors(
        { started: report.started, finished: report.finished, commit_time: report.commit_time },
        now,
      ),
    }));
  }
  return { ok: false, errors: [{ path: '', message: noShape }] };
}

function check<T>(
  schema: z.ZodType<T>,
  body: unknown,
  toMessage: (value: T) => Message,
): ParsedFields<Message> {
  const parsed = parseFields(schema, body);
  return parsed.ok ? { ok: true, value: toMessage(parsed.value) } : parsed;
}

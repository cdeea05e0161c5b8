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
import { type FieldError, parseFields } from '../util/validate.ts';
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
      const { message } = read;
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

type ReadResult =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

const noShape =
  'Expected an event {"repo": {…}, "pipeline": {…}}, a build {"repo": {…}, "build": {…}} or a report {"repo": "owner/name", "number": …}';

/** Written by hand, since a schema would copy the body only to find out its shape. `null`: no known shape. */
function shapeOf(body: unknown): 'event' | 'build' | 'report' | null {
  if (!isObject(body)) return null;
  if (isObject(body['pipeline'])) return 'event';
  if (isObject(body['build'])) return 'build';
  return typeof body['repo'] === 'string' ? 'report' : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readMessage(body: unknown, now: number): ReadResult {
  const shape = shapeOf(body);
  switch (shape) {
    case null:
      return { ok: false, errors: [{ path: '', message: noShape }] };
    case 'event':
      return check(WireEvent, body, ({ repo, pipeline }) => ({
        repo: toRepoFacts(repo, pipeline.updated),
        number: pipeline.number,
        record: toRecord(pipeline, 'other', now),
        errors: aheadErrors(timesOf(pipeline), now),
      }));
    case 'build':
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
    case 'report':
      return check(StepReport, body, (report) => ({
        repo: reportToRepoFacts(report),
        number: report.number,
        record: reportToRecord(report, now),
        errors: aheadErrors(
          { started: report.started, finished: report.finished, commit_time: report.commit_time },
          now,
        ),
      }));
    default:
      return shape satisfies never;
  }
}

function check<T>(schema: z.ZodType<T>, body: unknown, toMessage: (value: T) => Message): ReadResult {
  const parsed = parseFields(schema, body);
  return parsed.ok ? { ok: true, message: toMessage(parsed.value) } : parsed;
}

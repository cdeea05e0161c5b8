/**
 * Routes for webhooks and incidents: cheap checks of a request come before expensive ones, then the source gets its body.
 */

import type { Context } from 'hono';
import type { OnEvent, Source } from '../sources/event-labels.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import type { FieldError } from '../util/validate.ts';
import { toSecret, webhookProof } from './auth.ts';
import { type BodyReader, createBodyReader } from './body-reader.ts';
import { json } from './json.ts';
import { problem } from './problem.ts';
import type { Refusals, RefusedKind } from './refusals.ts';
import { receiveBytes, receiveJson } from './request-body.ts';

export interface IntakeRoute {
  /** Label of its refusals and rejections. */
  readonly kind: RefusedKind & Source;
  readonly secrets: readonly string[];
  /** Name of the secret in an answer. */
  readonly secretName: string;
  receive(body: unknown): Promise<IntakeAnswer>;
}

/** The fields besides `kind` are the body of the answer. */
export type IntakeAnswer =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] };

export interface IntakeOptions {
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly onEvent: OnEvent;
}

const largestBodyBytes = 1024 * 1024;
/** Most large bodies that may arrive at the same time from senders with the secret. */
const provenSeats = 32;
/** The same with a signature. Anybody can send one, and its check needs the whole body. */
const unprovenSeats = 8;
/** Most mistakes in an answer. A body may contain thousands of the same kind. */
const mostErrors = 100;

/** Returns a function that makes the handler of a route. All its routes share the seats for large bodies. */
export function createIntakeRoutes({ clock, refusals, onEvent }: IntakeOptions) {
  const provenReader = createBodyReader(provenSeats);
  const unprovenReader = createBodyReader(unprovenSeats);
  return ({
    kind,
    secrets: given,
    secretName,
    receive,
  }: IntakeRoute): ((c: Context) => Promise<Response>) => {
    const secrets = given.map(toSecret);
    const reject = (answer: Response): Response => {
      onEvent(kind, 'rejected');
      refusals.note(kind, answer.status);
      return answer;
    };
    const unauthorized = (headers: Readonly<Record<string, string>> = {}): Response =>
      problem(401, {
        detail: `Expected the ${secretName} as a bearer token, or a signature made with it`,
        headers: { 'www-authenticate': 'Bearer', ...headers },
      });
    return async (c) => {
      const request = c.req.raw;
      const proof = webhookProof(request.headers, secrets, nowSeconds(clock));
      if (!proof) return reject(unauthorized({ connection: 'close' }));
      const reader: BodyReader = proof.kind === 'secret' ? provenReader : unprovenReader;
      const bytes = await receiveBytes(request, reader, largestBodyBytes);
      if (!bytes.ok) return reject(bytes.answer);
      if (proof.kind === 'signature' && !proof.confirms(bytes.value)) return reject(unauthorized());
      const body = receiveJson(bytes.value);
      if (!body.ok) return reject(body.answer);
      const answer = await receive(body.value);
      if (answer.kind === 'invalid') {
        const errors = answer.errors.slice(0, mostErrors);
        return reject(problem(422, { detail: 'Body is not as expected', errors }));
      }
      const { kind: _, ...result } = answer;
      return json(result, 202);
    };
  };
}

/** `POST /webhook`: checks a request from cheap to expensive, then passes its body on. */

import type { Context } from 'hono';
import type { OnEvent } from '../sources/event-labels.ts';
import type { Webhook } from '../sources/webhook.ts';
import { type Clock, nowSeconds } from '../util/clock.ts';
import { toSecret, webhookProof } from './auth.ts';
import { createBodyReader } from './body.ts';
import { json } from './json.ts';
import { problem } from './problem.ts';
import type { Refusals } from './refusals.ts';
import { receiveBytes, receiveJson } from './request-body.ts';

export interface WebhookRouteOptions {
  readonly webhook: Webhook;
  readonly webhookSecrets: readonly string[];
  readonly clock: Clock;
  readonly refusals: Refusals;
  readonly onEvent: OnEvent;
}

const largestBodyBytes = 1024 * 1024;
/** Large bodies at the same time whose sender has shown the secret. */
const provenSeats = 32;
/** The same for bodies that come with a signature. Anybody can send one: only the whole body shows that it is wrong. */
const unprovenSeats = 8;

export function webhookRoute(options: WebhookRouteOptions): (c: Context) => Promise<Response> {
  const { webhook, clock, refusals, onEvent } = options;
  const secrets = options.webhookSecrets.map(toSecret);
  const provenReader = createBodyReader(provenSeats);
  const unprovenReader = createBodyReader(unprovenSeats);
  const reject = (answer: Response): Response => {
    onEvent('webhook', 'rejected');
    refusals.note('webhook', answer.status);
    return answer;
  };
  return async (c) => {
    const request = c.req.raw;
    const proof = webhookProof(request.headers, secrets, nowSeconds(clock));
    if (!proof) return reject(unauthorized({ connection: 'close' }));
    const reader = proof.kind === 'secret' ? provenReader : unprovenReader;
    const bytes = await receiveBytes(request, reader, largestBodyBytes);
    if (!bytes.ok) return reject(bytes.answer);
    if (proof.kind === 'signature' && !proof.confirms(bytes.value)) return reject(unauthorized());
    const body = receiveJson(bytes.value);
    if (!body.ok) return reject(body.answer);
    const answer = await webhook.receive(body.value);
    if (answer.kind === 'invalid') {
      return reject(problem(422, { detail: 'Body is not as expected', errors: answer.errors }));
    }
    const { kind: _, ...result } = answer;
    return json(result, 202);
  };
}

function unauthorized(headers: Readonly<Record<string, string>> = {}): Response {
  return problem(401, {
    detail: 'Expected the webhook secret as a bearer token, or a signature made with it',
    headers: { 'www-authenticate': 'Bearer', ...headers },
  });
}

/** Parts that several routes share in the service's description: who may ask, and how answers look. */

import { type AnswerName, type Json, ref } from './openapi-schemas.ts';

/** None at all is among them: where no token is set, anybody may read. */
export const readerSecurity = [{ metricsToken: [] }, { metricsPassword: [] }, {}];
/** Any of them shows that the sender knows the secret. */
export const signatures = [
  { hubSignature: [] },
  { droneSignature: [] },
  { webhookId: [], webhookTimestamp: [], webhookSignature: [] },
];
export const unread = { 401: problem('Token is wrong or missing') };
export const unavailable = problem('The store cannot be used now; worth another try');
export const refusedIntake = {
  400: problem('Body is not JSON, or ends too soon'),
  401: problem('Secret is wrong or missing'),
  413: problem('Body is too large'),
  415: problem('Body is compressed'),
  422: problem('Body has none of the shapes, or too many values'),
  503: problem('The store cannot be used now, or too many large bodies arrive; worth another try'),
};

export function json(description: string, name: AnswerName): Json {
  return { description, content: { 'application/json': { schema: ref(name) } } };
}

export function problem(description: string): Json {
  return { description, content: { 'application/problem+json': { schema: ref('Problem') } } };
}

export function text(description: string, type = 'text/plain; charset=utf-8'): Json {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}

export function page(description: string): Json {
  return text(description, 'text/html; charset=utf-8');
}

export function signature(name: string, description: string): Json {
  return { type: 'apiKey', in: 'header', name, description };
}

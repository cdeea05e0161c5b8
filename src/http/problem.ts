/** Errors as RFC 9457 problem details. They describe the mistake in the request, and contain no internals. */

import { STATUS_CODES } from 'node:http';

export interface ProblemOptions {
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly headers?: Readonly<Record<string, string>>;
}

export const problemType = 'application/problem+json';

export function problem(status: number, { detail, errors, headers }: ProblemOptions = {}): Response {
  const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail, errors };
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { 'content-type': problemType, ...headers },
  });
}

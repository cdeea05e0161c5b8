/** Answers that report a problem, RFC 9457. */

import { STATUS_CODES } from 'node:http';
import { expect } from 'vitest';

interface Problem {
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string }[];
}

/** Expects a problem whose title and status are those of the answer. Returns the rest of it. */
export async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const { type, title, status, ...problem } = (await response.json()) as Record<string, unknown>;
  expect({ type, title, status }).toEqual({
    type: 'about:blank',
    title: STATUS_CODES[response.status],
    status: response.status,
  });
  return problem;
}

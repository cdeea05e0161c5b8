/** Woodpecker's event as version 3.17 sends it: each time another pipeline, and another repo if wanted. */

import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const fixture = new URL('../fixtures/woodpecker/v3.17.0-event.json', import.meta.url);
const example = JSON.parse(readFileSync(fixture, 'utf8'));

export interface EventInput {
  /** Number of the repo, from 1. */
  readonly repo: number;
  readonly number: number;
  /** Unix seconds. */
  readonly finished: number;
  readonly status?: 'success' | 'failure';
}

/** The body of a webhook. Ids are unique for up to ten million pipelines per repo. */
export function eventBody({ repo, number, finished, status = 'success' }: EventInput): string {
  const times = { created: finished - 290, started: finished - 287, finished, updated: finished };
  return JSON.stringify({
    repo: {
      ...example.repo,
      id: repo,
      forge_remote_id: String(1000 + repo),
      name: `shop-${repo}`,
      full_name: `acme/shop-${repo}`,
    },
    pipeline: { ...example.pipeline, ...times, id: repo * 10_000_000 + number, number, status },
  });
}

/** Headers with the proof that the sender knows the secret. */
export function signatureOf(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}

/**
 * Gets JSON from any kind of forge, and makes errors of its other answers.
 *
 * Guarantees: follows the redirects of renamed repos only within the forge's own origin, so that no other server gets the
 * token. Rejects with `Unknown`, `TokenRefused` or `Unavailable`.
 */

import type { z } from 'zod';
import {
  createGetJson,
  type GetJsonOptions,
  type JsonAnswer,
  Refused,
  readRetryAfterMs,
  Unavailable,
} from '../util/get-json.ts';
import { oneOf } from '../util/read-json.ts';

/** The forge does not know the repo, the commit, or the range between two commits. */
export class Unknown extends Refused {
  override name = 'Unknown';
}
/** The forge refuses the token, or demands one. */
export class TokenRefused extends Refused {
  override name = 'TokenRefused';
}

export type ForgeGetOptions = Pick<
  GetJsonOptions,
  'server' | 'url' | 'headers' | 'fetch' | 'sleep' | 'random' | 'timeoutMs' | 'onRequest'
>;

/** Gets the JSON at a path of the API, and checks it. */
export type ForgeGet = <T>(
  path: string,
  schema: z.ZodType<T>,
  signal: AbortSignal,
) => Promise<Pick<JsonAnswer<T>, 'body' | 'headers'>>;

const largestAnswerBytes = 16 * 1024 * 1024;
/** Statuses for a missing repo or commit, an empty repo, an unknown id, a blocked repo. */
const unknownStatuses = [404, 409, 422, 451];
const redirectStatuses = [301, 302, 307, 308];
const mostRedirects = 3;
/** Length of a rate limit if the forge does not send it. */
const usualLimitMs = 60_000;

export function createForgeGet(options: ForgeGetOptions): ForgeGet {
  const { server } = options;
  const get = createGetJson({
    ...options,
    fetch: fetchWithinOrigin(options.fetch ?? fetch),
    headers: { 'user-agent': 'woodpecker-dora-exporter', ...options.headers },
    tries: 3,
    longestRetryAfterMs: 10_000,
    // A rate limit can last an hour: the caller may have other work.
    onLongerRetryAfter: 'give up',
    toError(answer, path) {
      const { status, headers } = answer;
      const retryAfterMs = readLimitMs(status, headers);
      if (retryAfterMs !== null) {
        return new Unavailable(`${server} limits the rate of requests: ${status} to ${path}`, {
          status,
          retryAfterMs,
        });
      }
      if (status === 401 || status === 403) {
        return new TokenRefused(`${server} answered ${status} to ${path}: check the token and its rights`);
      }
      const isJson = headers.get('content-type')?.includes('json');
      if (unknownStatuses.includes(status) && isJson) {
        return new Unknown(`${server} answered ${status} to ${path}`);
      }
      // A forge answers in JSON. A 404 without JSON means that the server is no forge, or that the URL is not its root.
      if (status === 404) {
        return new Unavailable(`Nothing answers ${path}: check that the URL is ${server}'s root`, { status });
      }
      return null;
    },
  });
  return (path, schema, signal) => get(path, oneOf(schema, largestAnswerBytes), signal);
}

/** Milliseconds until a rate limit ends; `null`: the answer is about no rate limit. */
function readLimitMs(status: number, headers: Headers): number | null {
  // GitHub also sends 403 for a rate limit; without these headers, it means a missing right.
  const isSpent = headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0';
  if (status !== 429 && !(status === 403 && isSpent)) return null;
  const retryAfterMs = readRetryAfterMs(headers);
  if (retryAfterMs !== null) return retryAfterMs;
  const reset = headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset') ?? '';
  if (!/^\d+$/.test(reset)) return usualLimitMs;
  // `reset` uses the forge's clock, so its own time is better than ours.
  const nowMs = Date.parse(headers.get('date') ?? '') || Date.now();
  return Math.max(0, Number(reset) * 1000 - nowMs);
}

/** A `fetch` that follows at most three redirects within the origin. */
function fetchWithinOrigin(fetchAnswer: typeof fetch): typeof fetch {
  return async (input, init) => {
    let url = String(input);
    for (let followed = 0; ; followed++) {
      const answer = await fetchAnswer(url, init);
      const location = answer.headers.get('location');
      if (!redirectStatuses.includes(answer.status) || location === null) return answer;
      const next = URL.parse(location, url);
      if (next?.origin !== new URL(url).origin || followed === mostRedirects) return answer;
      await answer.body?.cancel();
      url = next.href;
    }
  };
}

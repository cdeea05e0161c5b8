/**
 * How any forge is asked for JSON, and what its other answers mean.
 *
 * Guarantees: a renamed repo is followed within the forge's own origin, so that a token never gets elsewhere. Rejects with
 * `Unknown`, `TokenRefused` or `Unavailable`.
 */

import {
  createPatientGet,
  type PatientGet,
  type PatientGetOptions,
  Refused,
  readRetryAfterMs,
  Unavailable,
  withoutQuery,
} from '../util/get-json.ts';

/** The forge does not know the repo or the commit, or what lies between two of them. */
export class Unknown extends Refused {
  override name = 'Unknown';
}
export class TokenRefused extends Refused {
  override name = 'TokenRefused';
}

export type ForgeGetOptions = Pick<
  PatientGetOptions,
  'server' | 'url' | 'headers' | 'fetch' | 'sleep' | 'random' | 'timeoutMs' | 'onRequest'
>;

/** A missing repo or commit, an empty repo, an id that names nothing, a repo that was taken down. */
const unknownStatuses = [404, 409, 422, 451];
const redirectStatuses = [301, 302, 307, 308];
const mostRedirects = 3;
/** If a forge says that it is asked too often, and not for how long. */
const usualLimitMs = 60_000;

export function createForgeGet(options: ForgeGetOptions): PatientGet {
  const { server } = options;
  return createPatientGet({
    ...options,
    fetch: followWithinOrigin(options.fetch ?? fetch),
    headers: { 'user-agent': 'woodpecker-dora-exporter', ...options.headers },
    tries: 3,
    longestRetryAfterMs: 10_000,
    // A limit can last an hour: whoever has other work should do that.
    onLongerRetryAfter: 'give up',
    largestAnswerBytes: 16 * 1024 * 1024,
    toError(answer, fullPath) {
      const path = withoutQuery(fullPath);
      const { status, headers } = answer;
      const retryAfterMs = readLimitMs(status, headers);
      if (retryAfterMs !== null) {
        return new Unavailable(`${server} is asked too often: ${status} to ${path}`, {
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
      // The forge itself answers in JSON: then this is none, or not its root.
      if (status === 404) {
        return new Unavailable(`Nothing answers ${path}: check that the URL is ${server}'s root`, { status });
      }
      return null;
    },
  });
}

/** How long a limit lasts; `null`: the answer names none. */
function readLimitMs(status: number, headers: Headers): number | null {
  // GitHub says so with 403, too, which otherwise is about rights.
  const isSpent = headers.has('retry-after') || headers.get('x-ratelimit-remaining') === '0';
  if (status !== 429 && !(status === 403 && isSpent)) return null;
  const retryAfterMs = readRetryAfterMs(headers);
  if (retryAfterMs !== null) return retryAfterMs;
  const reset = headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset') ?? '';
  if (!/^\d+$/.test(reset)) return usualLimitMs;
  // By the forge's own clock, if it sends its time.
  const nowMs = Date.parse(headers.get('date') ?? '') || Date.now();
  return Math.max(0, Number(reset) * 1000 - nowMs);
}

function followWithinOrigin(fetchAnswer: typeof fetch): typeof fetch {
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

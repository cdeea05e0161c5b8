/**
 * Gets JSON from a server that may be busy, down, or not the right one.
 *
 * Guarantees: the given reader checks every answer, and bounds its size. Runs at most four requests at once. Tries
 * temporary errors (5xx, 429, a time-out, HTML in place of JSON) again, after growing pauses of random length or
 * `Retry-After`. Follows no redirect, since that could send the token to another server. Rejects with `Unavailable`, with
 * the error of `toError`, or with the signal's reason. Does not know which program the server runs.
 */

import {
  describeFailedFetch,
  describeOtherType,
  describeRedirect,
  refusesPlainHttp,
} from './connection-advice.ts';
import { type ReadBody, Unexpected } from './read-json.ts';
import { createSlots } from './slots.ts';

/** The server refuses the request: another try would fail, too. */
export class Refused extends Error {
  override name = 'Refused';
}

/** The server gave no usable answer to any try. */
export class Unavailable extends Error {
  override name = 'Unavailable';
  /** Status of the last answer; 0 if there was none. */
  readonly status: number;
  /** The server's `Retry-After`; `null` if it sent none. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    options: ErrorOptions & { readonly status?: number; readonly retryAfterMs?: number | null } = {},
  ) {
    super(message, options);
    this.status = options.status ?? 0;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

export interface GetJsonOptions {
  /** The server's name in messages. */
  readonly server: string;
  /** Root of all paths, without a trailing slash. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch?: typeof fetch;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  readonly timeoutMs?: number;
  readonly tries: number;
  /** The longest pause that a `Retry-After` of the server causes. */
  readonly longestRetryAfterMs: number;
  /** After a longer `Retry-After`: try again after the longest pause, or reject at once. */
  readonly onLongerRetryAfter: 'wait the longest' | 'give up';
  /** The path as messages show it; by default without its query. */
  readonly shownPath?: (path: string) => string;
  /** The error for an answer other than 2xx, with the path as messages show it; `null`: an `Unavailable` with the status. */
  readonly toError: (answer: Response, path: string) => Refused | Unavailable | null;
  /** Called after every request that was not aborted. */
  readonly onRequest?: (request: EndedRequest) => void;
}

export interface EndedRequest {
  readonly path: string;
  /** 0 if there was no answer. */
  readonly status: number;
  readonly ms: number;
  /** `null`: it succeeded. */
  readonly error: unknown;
}

export interface JsonAnswer<T> {
  readonly body: T;
  readonly headers: Headers;
  /** Unix milliseconds when the request was sent. */
  readonly askedAt: number;
  /** Unix milliseconds when the headers of the answer arrived. */
  readonly answeredAt: number;
}

export type GetJson = <T>(path: string, read: ReadBody<T>, signal: AbortSignal) => Promise<JsonAnswer<T>>;

const concurrentRequests = 4;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

export function createGetJson(options: GetJsonOptions): GetJson {
  const { server, url, headers, sleep, random = Math.random, onRequest, timeoutMs = 30_000 } = options;
  const { now = Date.now, shownPath = withoutQuery } = options;
  const fetchAnswer = options.fetch ?? fetch;
  const slots = createSlots(concurrentRequests);

  const tryOnce = async <T>(path: string, read: ReadBody<T>, signal: AbortSignal) => {
    const began = performance.now();
    const askedAt = now();
    let status = 0;
    let failure: unknown = null;
    // The timer of `AbortSignal.timeout` would stay after the answer.
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new Error(`timeout after ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      const answer = await fetchAnswer(`${url}${path}`, {
        headers: { accept: 'application/json', ...headers },
        redirect: 'manual',
        signal: AbortSignal.any([signal, timeout.signal]),
      });
      const answeredAt = now();
      status = answer.status;
      const body = await readAnswer(path, answer, read);
      return { body, headers: answer.headers, askedAt, answeredAt };
    } catch (error) {
      failure = signal.aborted || error instanceof Refused ? error : toUnavailable(path, error);
      throw failure;
    } finally {
      clearTimeout(timer);
      if (!signal.aborted) onRequest?.({ path, status, ms: performance.now() - began, error: failure });
    }
  };

  async function readAnswer<T>(path: string, answer: Response, read: ReadBody<T>): Promise<T> {
    const { status } = answer;
    if (!answer.ok) {
      const target = describeRedirect(answer, path);
      if (target) {
        await answer.body?.cancel();
        throw new Unavailable(`${server} ${target.replace(withoutQuery(path), shownPath(path))}`, { status });
      }
      if (await refusesPlainHttp(url, answer)) {
        throw new Unavailable(`${server} speaks https, not http: change the URL`, { status });
      }
      const error = options.toError(answer, shownPath(path));
      await answer.body?.cancel();
      if (error) throw error;
      const retryAfterMs = readRetryAfterMs(answer.headers);
      throw new Unavailable(`${server} answered ${status} to ${shownPath(path)}`, {
        status,
        retryAfterMs,
      });
    }
    // A web interface answers unknown paths with 200 and a page.
    const type = answer.headers.get('content-type') ?? '';
    if (!type.includes('application/json')) {
      const what = await describeOtherType(answer);
      throw new Unavailable(`${server} answered ${shownPath(path)} with ${what}`, { status });
    }
    try {
      return await read(answer.body ?? ReadableStream.from<Uint8Array>([]));
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error;
      const message = `${server}'s answer to ${shownPath(path)} is not as expected: ${error.message}`;
      throw new Unavailable(message, { status });
    }
  }

  function toUnavailable(path: string, error: unknown): Unavailable {
    if (error instanceof Unavailable) return error;
    const reason = error instanceof Error ? describeFailedFetch(error) : String(error);
    // The message contains the whole reason; with a cause, the log would repeat it.
    return new Unavailable(`${server} gave no usable answer to ${shownPath(path)}: ${reason}`);
  }

  /** Milliseconds until the next try; `null`: there is none. */
  function pauseMs(failure: Unavailable, attempt: number): number | null {
    const { longestRetryAfterMs, onLongerRetryAfter } = options;
    const retryAfterMs = failure.retryAfterMs ?? 0;
    if (attempt === options.tries) return null;
    if (retryAfterMs > longestRetryAfterMs && onLongerRetryAfter === 'give up') return null;
    const backoff = Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs) * (0.5 + random() / 2);
    return Math.max(Math.min(retryAfterMs, longestRetryAfterMs), backoff);
  }

  return async (path, read, signal) => {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await slots.use(() => tryOnce(path, read, signal), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Refused) throw error;
        const failure = toUnavailable(path, error);
        const ms = pauseMs(failure, attempt);
        if (ms === null) throw failure;
        await sleep(ms, signal);
      }
    }
  };
}

/** For messages: queries are long and do not help an operator. */
export function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? path;
}

/** Milliseconds of `Retry-After`; `null`: the header is missing or unreadable. */
export function readRetryAfterMs(headers: Headers): number | null {
  const header = headers.get('retry-after');
  if (header === null) return null;
  // Date.parse accepts nearly any text; an HTTP date ends in GMT.
  const ms = /^\d+$/.test(header)
    ? Number(header) * 1000
    : Date.parse(/ GMT$/.exec(header)?.input ?? '') - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : null;
}

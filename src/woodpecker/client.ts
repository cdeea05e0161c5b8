/**
 * Woodpecker's REST API, as far as it is asked here.
 *
 * Guarantees: every answer was checked against its schema; a few requests at once at most; what may pass (5xx, 429, a
 * time-out, HTML in place of JSON) is tried again with growing, jittered pauses, and `Retry-After` is obeyed. Rejects
 * with `NotFound`, `Unauthorized` or `Unavailable`. Refuses to know: the store, policies.
 */

import { z } from 'zod';
import { WireFeedItem, WirePipeline, WireRepo, WireUser } from './wire.ts';

export interface WoodpeckerClient {
  user(signal: AbortSignal): Promise<{ login: string; admin: boolean }>;
  /** All repos that the token reaches: every active one for an admin, else those that the user may push to. */
  repos(isAdmin: boolean, signal: AbortSignal): Promise<readonly WireRepo[]>;
  /** A page of at most `pageSize` of all active repos, for an administrator's token. Pages count from 1. */
  allRepos(page: number, signal: AbortSignal): Promise<readonly WireRepo[]>;
  /** The newest pipelines over the repos that the user may push to. */
  feed(signal: AbortSignal): Promise<readonly WireFeedItem[]>;
  /** By name, following renames. */
  lookUpRepo(fullName: string, signal: AbortSignal): Promise<WireRepo>;
  repo(repoId: number, signal: AbortSignal): Promise<WireRepo>;
  /** A page of at most `pageSize`, newest first, without workflows. Pages count from 1. */
  pipelines(repoId: number, query: PipelineQuery, signal: AbortSignal): Promise<readonly WirePipeline[]>;
  /** One pipeline with its workflows. */
  pipeline(repoId: number, number: number, signal: AbortSignal): Promise<WirePipeline>;
}

export interface PipelineQuery {
  readonly page: number;
  /** Unix seconds; both bounds are exclusive, on creation. Servers before 2.5 ignore them. */
  readonly after?: number;
  readonly before?: number;
  /** Servers before 3.0 ignore it. */
  readonly status?: string;
}

/** The largest page that a server gives. */
export const pageSize = 50;

export class NotFound extends Error {
  override name = 'NotFound';
}
export class Unauthorized extends Error {
  override name = 'Unauthorized';
}
/** No usable answer, after all tries. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

export interface EndedRequest {
  /** 0 where there was no answer. */
  readonly status: number;
  readonly ms: number;
  readonly isUsable: boolean;
  /** `null` where the answer says nothing of it: public repos answer anybody. */
  readonly isTokenValid: boolean | null;
}

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch?: typeof fetch;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
  /** Told of every request that came to an end. */
  readonly onRequest?: (request: EndedRequest) => void;
  readonly timeoutMs?: number;
}

const concurrentRequests = 4;
const tries = 5;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
const longestRetryAfterMs = 300_000;
const largestAnswerBytes = 64 * 1024 * 1024;

export function createWoodpeckerClient(options: ClientOptions): WoodpeckerClient {
  const { url, token, sleep, random = Math.random, onRequest, timeoutMs = 30_000 } = options;
  const fetchAnswer = options.fetch ?? fetch;
  const slots = createSlots(concurrentRequests);

  const tryOnce = async <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> => {
    const began = performance.now();
    let status = 0;
    let isUsable = false;
    // A timer of our own, as one of `AbortSignal.timeout` outlives the answer.
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new Error(`timeout after ${timeoutMs / 1000} s`)),
      timeoutMs,
    );
    try {
      const answer = await fetchAnswer(`${url}${path}`, {
        headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
        redirect: 'error',
        signal: AbortSignal.any([signal, timeout.signal]),
      });
      status = answer.status;
      const result = await readAnswer(path, answer, schema);
      isUsable = true;
      return result;
    } catch (error) {
      // Of one repo, both say something about that repo alone.
      isUsable = error instanceof NotFound || (error instanceof Unauthorized && path !== '/api/user');
      throw error;
    } finally {
      clearTimeout(timer);
      const isOfUser = path === '/api/user' && (isUsable || status === 401 || status === 403);
      const isTokenValid = isOfUser ? isUsable : null;
      if (!signal.aborted) onRequest?.({ status, ms: performance.now() - began, isUsable, isTokenValid });
    }
  };

  const get = async <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await slots.use(() => tryOnce(path, schema, signal), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof NotFound || error instanceof Unauthorized) throw error;
        const failure = toUnavailable(path, error);
        if (attempt === tries) throw failure;
        const backoff = Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs) * (0.5 + random() / 2);
        await sleep(Math.max(failure.retryAfterMs ?? 0, backoff), signal);
      }
    }
  };

  const getList = async <T>(path: string, item: z.ZodType<T>, signal: AbortSignal): Promise<readonly T[]> =>
    // An empty list may come as null.
    (await get(path, z.array(item).nullable(), signal)) ?? [];
  const allRepos = (page: number, signal: AbortSignal) =>
    getList(`/api/repos?active=true&page=${page}&perPage=${pageSize}`, WireRepo, signal);

  return {
    user: (signal) => get('/api/user', WireUser, signal),
    allRepos,
    feed: (signal) => getList('/api/user/feed', WireFeedItem, signal),
    async repos(isAdmin, signal) {
      if (!isAdmin) return getList('/api/user/repos', WireRepo, signal);
      const all: WireRepo[] = [];
      for (let page = 1; ; page++) {
        const repos = await allRepos(page, signal);
        all.push(...repos);
        if (repos.length < pageSize) return all;
      }
    },
    lookUpRepo: (fullName, signal) =>
      get(`/api/repos/lookup/${fullName.split('/').map(encodeURIComponent).join('/')}`, WireRepo, signal),
    repo: (repoId, signal) => get(`/api/repos/${repoId}`, WireRepo, signal),
    async pipelines(repoId, { page, after, before, status }, signal) {
      const query = new URLSearchParams({ page: String(page), perPage: String(pageSize) });
      if (after !== undefined) query.set('after', toRfc3339(after));
      if (before !== undefined) query.set('before', toRfc3339(before));
      if (status !== undefined) query.set('status', status);
      return getList(`/api/repos/${repoId}/pipelines?${query}`, WirePipeline, signal);
    },
    pipeline: (repoId, number, signal) =>
      get(`/api/repos/${repoId}/pipelines/${number}`, WirePipeline, signal),
  };
}

class Unusable extends Unavailable {
  readonly retryAfterMs: number | null;
  constructor(message: string, retryAfterMs: number | null, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

async function readAnswer<T>(path: string, answer: Response, schema: z.ZodType<T>): Promise<T> {
  if (!answer.ok) {
    await answer.body?.cancel();
    // What every Woodpecker has cannot be missing: then this is none, or not its root.
    const isOfRepo = path.startsWith('/api/repos/');
    if (answer.status === 404 && isOfRepo) throw new NotFound(`Woodpecker answered 404 to ${path}`);
    if (answer.status === 404)
      throw new Unusable(`Nothing answers ${path}: check that the URL is Woodpecker's root`, null);
    if (answer.status === 401 || answer.status === 403) {
      throw new Unauthorized(
        `Woodpecker answered ${answer.status} to ${path}: check the token and its rights`,
      );
    }
    throw new Unusable(`Woodpecker answered ${answer.status} to ${path}`, retryAfterMs(answer));
  }
  // The web interface answers unknown paths with 200 and a page.
  const type = answer.headers.get('content-type') ?? '';
  if (!type.includes('application/json')) {
    await answer.body?.cancel();
    throw new Unusable(
      `Woodpecker answered ${path} with "${type}", not JSON: check the URL and what stands before it`,
      null,
    );
  }
  const parsed = schema.safeParse(JSON.parse(await readText(answer)));
  if (parsed.success) return parsed.data;
  throw new Unusable(
    `Woodpecker's answer to ${path} is not as expected: ${z.prettifyError(parsed.error)}`,
    null,
  );
}

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > largestAnswerBytes) throw new Error(`Answer is larger than ${largestAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function toUnavailable(path: string, error: unknown): Unusable {
  if (error instanceof Unusable) return error;
  const reason = error instanceof Error ? describe(error) : String(error);
  return new Unusable(`Woodpecker gave no usable answer to ${path}: ${reason}`, null, { cause: error });
}

/** What a failed `fetch` hides in its cause: one reason, or one for each address that was tried. */
function describe(error: Error): string {
  const { cause } = error;
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  const reasons = causes.flatMap((one) => (one instanceof Error ? one.message : []));
  return reasons.length > 0 ? `${error.message} (${reasons.join('; ')})` : error.message;
}

function retryAfterMs(answer: Response): number | null {
  const header = answer.headers.get('retry-after');
  if (header === null) return null;
  // Date.parse takes nearly anything for a date; an HTTP date ends in GMT.
  const ms = /^\d+$/.test(header)
    ? Number(header) * 1000
    : Date.parse(/ GMT$/.exec(header)?.input ?? '') - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), longestRetryAfterMs) : null;
}

function toRfc3339(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace('.000Z', 'Z');
}

/** Lets at most `size` run at once; the others wait in the order in which they came. */
function createSlots(size: number): { use<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> } {
  let free = size;
  const waiting = new Set<() => void>();
  const takeTurn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.delete(begin);
        reject(signal.reason);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(begin);
    });
  return {
    async use(work, signal) {
      signal.throwIfAborted();
      if (free > 0) free--;
      else await takeTurn(signal);
      try {
        return await work();
      } finally {
        const [next] = waiting;
        if (next) {
          waiting.delete(next);
          next();
        } else {
          free++;
        }
      }
    },
  };
}

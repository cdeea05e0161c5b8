/**
 * The part of Woodpecker's REST API that the service uses, with the retries of `util/get-json.ts`.
 *
 * Guarantees: checks every answer against its schema. Rejects with `NotFound`, `Unauthorized` or `Unavailable`. Does not
 * know the store or the policy.
 */

import type { z } from 'zod';
import { createGetJson, Refused, Unavailable, withoutQuery } from '../util/get-json.ts';
import { iso } from '../util/moment.ts';
import { oneOf, type ReadBody } from '../util/read-json.ts';
import { type Listed, listOf, type OddRow } from './lists.ts';
import { WireFeedItem, WirePipeline, WireRepo, WireUser } from './wire.ts';

export interface WoodpeckerClient {
  user(signal: AbortSignal): Promise<{ login: string; admin: boolean }>;
  /** The repos of the token's user: for an administrator all active repos, else the repos that the user may push to. */
  repos(isAdmin: boolean, signal: AbortSignal): Promise<Listed<WireRepo>>;
  /** A page of at most `pageSize` of all active repos, for an administrator's token. Pages count from 1. */
  allRepos(page: number, signal: AbortSignal): Promise<Listed<WireRepo>>;
  /** The newest pipelines of all repos that the user may push to. */
  feed(signal: AbortSignal): Promise<readonly WireFeedItem[]>;
  /** The repo with a name; Woodpecker also accepts a former name. */
  lookUpRepo(fullName: string, signal: AbortSignal): Promise<WireRepo>;
  repo(repoId: number, signal: AbortSignal): Promise<WireRepo>;
  /** A page of at most `pageSize`, newest first, without workflows. Pages count from 1. */
  pipelines(repoId: number, query: PipelineQuery, signal: AbortSignal): Promise<Listed<WirePipeline>>;
  /** One pipeline with its workflows. */
  pipeline(repoId: number, number: number, signal: AbortSignal): Promise<WirePipeline>;
  /** Reports a list whose further pages contain nothing new, but that does not end. `path`: of the list. */
  noteEndlessList(path: string): void;
}

export interface PipelineQuery {
  readonly page: number;
  /** Unix seconds of creation; both bounds are exclusive. Servers before 2.5 ignore them. */
  readonly after?: number;
  readonly before?: number;
  /** Servers before 3.0 ignore it. */
  readonly status?: string;
}

const ofOneRepo = /^\/api\/repos\/./;
/** Largest answer that is not a list. */
const largestAnswerBytes = 4 * 1024 * 1024;
/** The largest page that a server returns. */
export const pageSize = 50;

export { Unavailable };
export class NotFound extends Refused {
  override name = 'NotFound';
}
export class Unauthorized extends Refused {
  override name = 'Unauthorized';
}

export interface EndedRequest {
  /** Without its query. */
  readonly path: string;
  /** 0 if there was no answer. */
  readonly status: number;
  readonly ms: number;
  readonly isUsable: boolean;
  /** `null`: the answer does not show it, since Woodpecker also answers requests for public repos without a token. */
  readonly isTokenValid: boolean | null;
  /** The error; `null` if there was none. */
  readonly error: unknown;
}

/** The times of an answer, in Unix seconds. */
export interface DatedAnswer {
  /** When the server wrote the answer, by its clock. */
  readonly writtenAt: number;
  /** When the request was sent, by our clock. */
  readonly askedAt: number;
  /** When the headers of the answer arrived, by our clock. */
  readonly answeredAt: number;
}

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  readonly fetch?: typeof fetch;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Called after every request. */
  readonly onRequest?: (request: EndedRequest) => void;
  /** Called for each unreadable row, whenever the list is read. `path`: of the list. */
  readonly onOddRow?: (path: string, row: OddRow) => void;
  readonly onEndlessList?: (path: string) => void;
  /** Called with every usable answer that has a date, before the answer is returned. */
  readonly onDate?: (answer: DatedAnswer) => void;
  readonly timeoutMs?: number;
}

export function createWoodpeckerClient(options: ClientOptions): WoodpeckerClient {
  const { token, onRequest, onDate, onOddRow, onEndlessList, ...rest } = options;
  const ask = createGetJson({
    ...rest,
    server: 'Woodpecker',
    headers: { authorization: `Bearer ${token}` },
    tries: 5,
    longestRetryAfterMs: 300_000,
    onLongerRetryAfter: 'wait the longest',
    toError,
    shownPath,
    onRequest: ({ path, status, ms, error }) => {
      // For a single repo, these errors do not mean that Woodpecker is down.
      const isOdd = error instanceof Unavailable && status === 200 && ofOneRepo.test(path);
      const isOfRepo =
        error instanceof NotFound || isOdd || (error instanceof Unauthorized && path !== '/api/user');
      const isUsable = error === null || isOfRepo;
      const isOfUser = path === '/api/user' && (isUsable || status === 401 || status === 403);
      onRequest?.({
        path: withoutQuery(path),
        status,
        ms,
        isUsable,
        isTokenValid: isOfUser ? isUsable : null,
        error,
      });
    },
  });
  const askDated = async <T>(path: string, expected: ReadBody<T>, signal: AbortSignal): Promise<T> => {
    const { body, headers, askedAt, answeredAt } = await ask(path, expected, signal);
    const writtenAt = dateOf(headers);
    if (writtenAt !== null) onDate?.({ writtenAt, askedAt: askedAt / 1000, answeredAt: answeredAt / 1000 });
    return body;
  };
  const get = <T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> =>
    askDated(path, oneOf(schema, largestAnswerBytes), signal);
  const getList = <T>(path: string, item: z.ZodType<T>, signal: AbortSignal): Promise<Listed<T>> => {
    const onOdd = (row: OddRow) => onOddRow?.(withoutQuery(path), row);
    return askDated(path, listOf(item, onOdd), signal);
  };
  const getRepos = async (path: string, signal: AbortSignal): Promise<Listed<WireRepo>> => {
    const repos = await getList(path, WireRepo, signal);
    for (const { id, full_name: name, oddPipeline: problem } of repos.rows) {
      if (problem !== null) onOddRow?.('/api/user/repos', { row: name, id: id ?? null, problem });
    }
    return repos;
  };
  const allRepos = (page: number, signal: AbortSignal) =>
    getRepos(`/api/repos?active=true&page=${page}&perPage=${pageSize}`, signal);
  const noteEndlessList = (path: string): void => onEndlessList?.(path);

  return {
    user: (signal) => get('/api/user', WireUser, signal),
    allRepos,
    feed: async (signal) => (await getList('/api/user/feed', WireFeedItem, signal)).rows,
    async repos(isAdmin, signal) {
      if (!isAdmin) return getRepos('/api/user/repos', signal);
      const all = new Map<number, WireRepo>();
      const oddIds = new Set<number>();
      for (let page = 1; ; page++) {
        const { rows, oddIds: odd, length } = await allRepos(page, signal);
        const known = all.size + oddIds.size;
        for (const row of rows) if (row.id) all.set(row.id, row);
        for (const id of odd) oddIds.add(id);
        const isEndless = length >= pageSize && all.size + oddIds.size === known;
        if (isEndless) noteEndlessList('/api/repos');
        if (length < pageSize || isEndless) {
          return { rows: [...all.values()], oddIds: [...oddIds], length: all.size + oddIds.size };
        }
      }
    },
    lookUpRepo: (fullName, signal) =>
      get(`${lookupPath}${fullName.split('/').map(encodeURIComponent).join('/')}`, WireRepo, signal),
    repo: (repoId, signal) => get(`/api/repos/${repoId}`, WireRepo, signal),
    async pipelines(repoId, { page, after, before, status }, signal) {
      const query = new URLSearchParams({ page: String(page), perPage: String(pageSize) });
      if (after !== undefined) query.set('after', iso(after));
      if (before !== undefined) query.set('before', iso(before));
      if (status !== undefined) query.set('status', status);
      return getList(`/api/repos/${repoId}/pipelines?${query}`, WirePipeline, signal);
    },
    pipeline: (repoId, number, signal) =>
      get(`/api/repos/${repoId}/pipelines/${number}`, WirePipeline, signal),
    noteEndlessList,
  };
}

const lookupPath = '/api/repos/lookup/';

/** Without the name in a lookup: the sender of a webhook chose it, and Woodpecker has not confirmed it. */
function shownPath(path: string): string {
  return path.startsWith(lookupPath) ? `${lookupPath}…` : withoutQuery(path);
}

function toError({ status }: Response, path: string): Refused | Unavailable | null {
  if (status === 404 && path.startsWith('/api/repos/')) {
    return new NotFound(`Woodpecker answered 404 to ${path}`);
  }
  // Every Woodpecker has the other paths. A 404 means that the server is no Woodpecker, or that the URL is not its root.
  if (status === 404) {
    return new Unavailable(`Nothing answers ${path}: check that the URL is Woodpecker's root`, { status });
  }
  if (status === 401 || status === 403) {
    return new Unauthorized(`Woodpecker answered ${status} to ${path}: check the token and its rights`);
  }
  return null;
}

/** Unix seconds when the server sent the answer; `null`: it has no date. A cache adds the age of a cached answer. */
function dateOf(headers: Headers): number | null {
  const seconds = Date.parse(headers.get('date') ?? '') / 1000;
  const age = Number(headers.get('age') ?? 0);
  return Number.isFinite(seconds + age) ? seconds + age : null;
}

/**
 * The routes of Woodpecker that the exporter reads, as pure functions of the database: who may call them, how they page
 * and filter, and how they refuse. Guarantees Woodpecker's habits that trap clients: an unknown path answers 200 with
 * the web page, errors are never JSON, a private repo is 404 to a user and 401 to a guest, and a bad token is a guest.
 *
 * Lists are made from rows of the permission table. A request writes such a row for its user if it asks for one repo, by id
 * or name, or if it is `POST /api/user/repos/refresh` (3.17). Does not imitate: anything else that writes, other routes.
 */

import type { Database } from './database.ts';
import type { PipelineRow, Repo, Status, User } from './model.ts';
import { statuses } from './model.ts';
import type { PipelineFilter } from './pipeline-table.ts';
import type { Version } from './version.ts';
import { knowsStatus } from './version.ts';
import { toWireFeed, toWirePipeline, toWireRepo, toWireUser } from './wire.ts';

export interface Answer {
  readonly status: number;
  readonly contentType?: string;
  /** The default fields of REST answers. */
  readonly cacheControl?: string;
  readonly body?: string;
}

export interface Question {
  /** Below the root path, `null` if it is not below it. */
  readonly path: string | null;
  readonly query: URLSearchParams;
  readonly method: string;
  readonly user: User | null;
}

const pageSize = 50;
const feedSize = 50;

const webPage: Answer = {
  status: 200,
  contentType: 'text/html; charset=UTF-8',
  cacheControl: 'no-cache',
  body: '<!doctype html><html><head><title>Woodpecker</title></head><body></body></html>\n',
};

function json(value: unknown): Answer {
  return { status: 200, contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) };
}

function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function empty(status: number): Answer {
  return { status };
}

const notAuthorized = 'User not authorized';

/** Go's `strconv.ParseInt` in base 10. */
function parseInteger(value: string | null): number | null {
  return value !== null && /^[+-]?\d+$/.test(value) ? Number(value) : null;
}

/** Go's `strconv.ParseBool`; a text that it refuses counts as false. */
function parseFlag(value: string | null): boolean {
  return value !== null && ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value);
}

function parsePage(query: URLSearchParams): { page: number; perPage: number } {
  const page = parseInteger(query.get('page')) ?? 1;
  const perPage = parseInteger(query.get('perPage')) ?? pageSize;
  return {
    page: Math.max(page, 1),
    perPage: perPage < 1 || perPage > pageSize ? pageSize : perPage,
  };
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Unix seconds; `null`: Go's `time.RFC3339` refuses the text. */
function parseTime(value: string): number | null {
  if (!rfc3339.test(value)) return null;
  const milliseconds = Date.parse(value.replace(',', '.'));
  return Number.isNaN(milliseconds) ? null : Math.floor(milliseconds / 1000);
}

/** `null`: a value is invalid. Parameters that the version does not have yet are ignored. */
function parseFilter(query: URLSearchParams, version: Version): PipelineFilter | null {
  const filter: { -readonly [K in keyof PipelineFilter]: PipelineFilter[K] } = {};
  if (version.atLeast(2, 5)) {
    for (const name of ['before', 'after'] as const) {
      const value = query.get(name);
      if (!value) continue;
      const time = parseTime(value);
      if (time === null) return null;
      filter[name] = time;
    }
  }
  if (!version.atLeast(3, 0)) return filter;
  const status = query.get('status') as Status | null;
  if (status) {
    if (!statuses.includes(status) || !knowsStatus(version, status)) return null;
    filter.status = status;
  }
  return filter;
}

export function createRest(deps: { readonly database: Database; readonly version: () => Version }) {
  const { database, version } = deps;

  function mayPull(user: User | null, repo: Repo): boolean {
    if (repo.visibility === 'public' || user?.admin) return true;
    if (user === null) return false;
    return repo.visibility === 'internal' || database.accessOf(user, repo) !== null;
  }

  function mayPush(user: User, repo: Repo): boolean {
    const access = database.accessOf(user, repo);
    return access === 'push' || access === 'admin';
  }

  function withRepo(user: User | null, repo: Repo | null, answer: (repo: Repo) => Answer): Answer {
    if (repo === null || !mayPull(user, repo)) return empty(user ? 404 : 401);
    return answer(repo);
  }

  function allRepos({ user, query }: Question): Answer {
    if (user === null) return text(401, notAuthorized);
    if (!user.admin) return text(403, notAuthorized);
    const { page, perPage } = parsePage(query);
    const wanted = database.repos().filter((repo) => repo.active || !parseFlag(query.get('active')));
    const start = (page - 1) * perPage;
    return json(wanted.slice(start, start + perPage).map((repo) => toWireRepo(repo, version())));
  }

  function userRepos(user: User, query: URLSearchParams): Answer {
    const withInactive = parseFlag(query.get('all'));
    const wanted = database.repos().filter((repo) => (repo.active || withInactive) && mayPush(user, repo));
    return json(
      wanted.map((repo) => {
        const newest = version().atLeast(3, 1) ? database.newestPipeline(repo) : null;
        return {
          ...toWireRepo(repo, version()),
          ...(newest && { last_pipeline: toWirePipeline(newest, version(), 'rest') }),
        };
      }),
    );
  }

  function userFeed(user: User, query: URLSearchParams): Answer {
    const mine = database.repos().filter((repo) => mayPush(user, repo));
    const entries = parseFlag(query.get('latest'))
      ? mine
          .filter(({ active }) => active)
          .map((repo) => {
            const newest = database.newestPipeline(repo);
            return newest ? toWireFeed(newest, repo, version()) : { repo_id: repo.id };
          })
      : mine
          .flatMap((repo) => newestRows(repo).map((row) => ({ row, repo })))
          .sort((a, b) => b.row.id - a.row.id)
          .slice(0, feedSize)
          .map(({ row, repo }) => toWireFeed(row, repo, version()));
    return json(entries.length === 0 && version().atLeast(3, 14) ? null : entries);
  }

  /** Enough of a repo for the feed. Ids and numbers rise together, but for rows that a test gave ids of its own. */
  function newestRows(repo: Repo): readonly PipelineRow[] {
    return database.listPipelines(repo, { page: 1, perPage: feedSize }, {});
  }

  function pipelines(repo: Repo, query: URLSearchParams): Answer {
    const filter = parseFilter(query, version());
    if (filter === null) return empty(400);
    const rows = database.listPipelines(repo, parsePage(query), filter);
    return json(rows.map((row) => toWirePipeline(row, version(), 'rest')));
  }

  function pipeline(repo: Repo, number: string): Answer {
    const parsed = parseInteger(number);
    if (parsed === null) return empty(400);
    const found = database.findPipeline(repo, parsed);
    return found ? json(toWirePipeline(found, version(), 'rest')) : empty(404);
  }

  function repoRoute(question: Question, segments: readonly string[]): Answer {
    const { user, query } = question;
    const [id = '', sub, number, ...more] = segments;
    const isKnown = sub === undefined || (sub === 'pipelines' && number !== '' && more.length === 0);
    if (!isKnown) return webPage;
    const parsed = parseInteger(id);
    if (parsed === null) return empty(400);
    const found = database.findRepo(parsed);
    if (found && user && sub === undefined) database.syncPermission(user, found);
    return withRepo(user, found, (repo) => {
      if (sub === undefined) return json(toWireRepo(repo, version()));
      return number === undefined ? pipelines(repo, query) : pipeline(repo, number);
    });
  }

  /** Any route but the event stream. */
  return function answer(question: Question): Answer {
    const { path, user, query, method } = question;
    if (method === 'POST' && path === '/api/user/repos/refresh' && version().atLeast(3, 17)) {
      if (user === null) return text(401, notAuthorized);
      database.syncPermissions(user);
      return empty(204);
    }
    if (method !== 'GET' || path === null) return webPage;
    const lookup = '/api/repos/lookup/';
    if (path.startsWith(lookup)) {
      const repo = database.findRepoByName(decodeURIComponent(path.slice(lookup.length)));
      if (repo && user) database.syncPermission(user, repo);
      return withRepo(user, repo, (found) => json(toWireRepo(found, version())));
    }
    const repoPrefix = '/api/repos/';
    if (path.startsWith(repoPrefix)) {
      return repoRoute(question, path.slice(repoPrefix.length).split('/'));
    }
    switch (path) {
      case '/version':
        return json({ source: 'https://github.com/woodpecker-ci/woodpecker', version: version().text });
      case '/healthz':
        return empty(204);
      case '/stream/events':
        return version().atLeast(3, 0) ? webPage : text(410, 'use /api/stream/events');
      case '/api/repos':
        return allRepos(question);
      case '/api/user':
        return user ? json(toWireUser(user, version())) : text(401, notAuthorized);
      case '/api/user/repos':
        return user ? userRepos(user, query) : text(401, notAuthorized);
      case '/api/user/feed':
        return user ? userFeed(user, query) : text(401, notAuthorized);
      default:
        return webPage;
    }
  };
}

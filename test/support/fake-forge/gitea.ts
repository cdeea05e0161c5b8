/**
 * The answers of Forgejo and Gitea, from 1.20 on, on the routes below `/api/v1` that `routes` lists. A test compares them
 * with recorded answers of a Forgejo 11.0.1.
 *
 * A renamed repo is a 307 to the path with its new name. Neither limits requests, but a proxy before them may.
 */

import { type FakeCommit, type FakeTag, type Graph, toDate } from './graph.ts';
import { type FakeRepo, isShown } from './repos.ts';
import { type Answer, type Answers, boundedNumber, pageNotFound, type Question } from './server.ts';

export interface GiteaQuirks {
  /** The largest page, `[git] COMMITS_RANGE_SIZE`; 50 by default. */
  readonly commitsRangeSize?: number;
  /** As before 1.20: the list ignores `not`. */
  readonly isWithoutNot?: boolean;
  /** `[service] REQUIRE_SIGNIN_VIEW`: every request needs a token. */
  readonly requiresSignIn?: boolean;
}

const headers = {
  'content-type': 'application/json;charset=utf-8',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
};

const reply = (body: unknown): Answer => ({ status: 200, headers, body });

function failure(status: number, message: string, url: string): Answer {
  return { status, headers, body: { message, url: `${url}/api/swagger` } };
}

function notFound(url: string, message = "The target couldn't be found."): Answer {
  return { status: 404, headers, body: { message, url: `${url}/api/swagger`, errors: [] } };
}

export function giteaAnswers(quirks: GiteaQuirks): Answers {
  const { commitsRangeSize = 50, isWithoutNot = false, requiresSignIn = false } = quirks;

  function list({ graph, fullName }: FakeRepo, { query, url }: Question): Answer {
    const head = query.has('sha') ? graph.find(query.get('sha') ?? '') : graph.newest();
    if (!head) return { status: 404, headers, body: null };
    const not = isWithoutNot ? null : query.get('not');
    const base = not === null ? null : graph.find(not);
    if (not !== null && !base) {
      const fatal = ` - fatal: bad object ${not}\n`;
      return failure(500, `exit status 128${fatal}${fatal}`, url);
    }
    const size = boundedNumber(query.get('limit'), 30, commitsRangeSize);
    const page = boundedNumber(query.get('page'), 1, Infinity);
    const log = graph.log(head.id, base?.id ?? null);
    const pages = Math.ceil(log.length / size);
    return {
      status: 200,
      headers: {
        ...headers,
        'x-total-count': String(log.length),
        'x-total': String(log.length),
        'x-page': String(page),
        'x-perpage': String(size),
        'x-pagecount': String(pages),
        'x-hasmore': String(page < pages),
      },
      body: log.slice((page - 1) * size, page * size).map((commit) => toWire(commit, fullName, query, url)),
    };
  }

  /** Answers the part of the path after the repo's name. */
  const routes: readonly (readonly [
    RegExp,
    (repo: FakeRepo, question: Question, argument: string) => Answer,
  ])[] = [
    [/^()$/, (repo, { url }) => reply(toWireRepo(repo, url))],
    [/^\/commits()$/, list],
    [
      /^\/git\/commits\/([^/]+)$/,
      ({ graph, fullName }, { query, url }, id) => {
        const commit = graph.find(id);
        return commit ? reply(toWire(commit, fullName, query, url)) : notFound(url, id);
      },
    ],
    [
      /^\/git\/tags\/([^/]+)$/,
      ({ graph, fullName }, { url }, id) => {
        const tag = graph.findTag(id);
        return tag
          ? reply(toWireTag(tag, graph, fullName, url))
          : failure(400, `object does not exist [id: ${id}, rel_path: ]`, url);
      },
    ],
  ];

  function answer(question: Question): Answer {
    const { path, query, headers: asked, repos, token, publicOnlyToken, url } = question;
    const [, number, owner, name, rest = ''] =
      /^\/api\/v1(?:\/repositories\/(\d+)|\/repos\/([^/]+)\/([^/]+)(\/.*)?)$/.exec(path) ?? [];
    if (number === undefined && owner === undefined) return pageNotFound;
    const given = /^(?:token|bearer) (.*)$/i.exec(asked.authorization ?? '')?.[1];
    if (given !== undefined && given !== token && given !== publicOnlyToken) {
      return failure(401, 'user does not exist [uid: 0, name: ]', url);
    }
    if (requiresSignIn && given === undefined) {
      return { status: 403, headers, body: { message: 'Only signed in user is allowed to call APIs.' } };
    }
    const fullName = decodeURIComponent(`${owner}/${name}`);
    const repo = number === undefined ? repos.find(fullName) : repos.byId(Number(number));
    if (!isShown(repo, given)) return notFound(url);
    if (repo.isPrivate && given === publicOnlyToken) {
      return failure(403, 'token scope is limited to public repos', url);
    }
    if (number === undefined && repo.fullName.toLowerCase() !== fullName.toLowerCase()) {
      const root = new URL(url).pathname.replace(/\/$/, '');
      const renamed = repo.fullName.split('/').map(encodeURIComponent).join('/');
      const location = `${root}/api/v1/repos/${renamed}${rest}${query.size > 0 ? `?${query}` : ''}`;
      const link = `<a href="${location.replaceAll('&', '&amp;')}">Temporary Redirect</a>.\n\n`;
      return {
        status: 307,
        headers: { ...headers, 'content-type': 'text/html; charset=utf-8', location },
        body: link,
      };
    }
    for (const [pattern, route] of routes) {
      const argument = pattern.exec(rest)?.[1];
      if (argument !== undefined) return route(repo, question, argument);
    }
    return pageNotFound;
  }

  return {
    answer,
    limited: (seconds) => ({
      status: 429,
      headers: { 'content-type': 'text/html', 'retry-after': String(seconds) },
      body: '<html><body><h1>429 Too Many Requests</h1></body></html>',
    }),
  };
}

function toWire(commit: FakeCommit, fullName: string, query: URLSearchParams, url: string) {
  const { id, parents, authoredAt, message } = commit;
  const urlOf = (sha: string, kind = 'commits') => `${url}/api/v1/repos/${fullName}/git/${kind}/${sha}`;
  const person = { name: 'Alice', email: 'alice@example.com' };
  const alice = toWireUser(url);
  return {
    url: urlOf(id),
    sha: id,
    created: toDate(commit),
    html_url: `${url}/${fullName}/commit/${id}`,
    commit: {
      url: urlOf(id),
      author: { ...person, date: toDate({ ...commit, committedAt: authoredAt }) },
      committer: { ...person, date: toDate(commit) },
      message,
      tree: { url: urlOf(id, 'trees'), sha: id, created: toDate(commit) },
      verification: query.get('verification') === 'false' ? null : unsigned,
    },
    author: alice,
    committer: alice,
    parents: parents.map((sha) => ({ url: urlOf(sha), sha, created: '0001-01-01T00:00:00Z' })),
    files: query.get('files') === 'false' ? null : [{ filename: 'README.md', status: 'modified' }],
    stats: query.get('stat') === 'false' ? null : { total: 2, additions: 1, deletions: 1 },
  };
}

const unsigned = {
  verified: false,
  reason: 'gpg.error.not_signed_commit',
  signature: '',
  signer: null,
  payload: '',
};

function toWireTag({ id, name, target, taggedAt }: FakeTag, graph: Graph, fullName: string, url: string) {
  const type = graph.isTag(target) ? 'tag' : 'commit';
  const git = `${url}/api/v1/repos/${fullName}/git`;
  return {
    tag: name,
    sha: id,
    url: `${git}/tags/${id}`,
    message: 'nested\n',
    tagger: {
      name: 'Alice',
      email: 'alice@example.com',
      date: toDate({ committedAt: taggedAt, zoneMinutes: 0 }),
    },
    object: { type, url: `${git}/${type}s/${target}`, sha: target },
    verification: unsigned,
    archive_download_count: { zip: 0, tar_gz: 0 },
  };
}

/** The fields of a repo that identify it. */
function toWireRepo({ id, fullName, isPrivate }: FakeRepo, url: string) {
  const [owner = '', name = ''] = fullName.split('/');
  return {
    id,
    owner: { login: owner, username: owner },
    name,
    full_name: fullName,
    private: isPrivate,
    empty: false,
    html_url: `${url}/${fullName}`,
    default_branch: 'main',
  };
}

function toWireUser(url: string) {
  return {
    id: 2,
    login: 'alice',
    login_name: '',
    source_id: 0,
    full_name: '',
    email: `alice@noreply.${new URL(url).hostname}`,
    avatar_url: `${url}/avatars/c160f8cc69a4f0bf2b0362752353d060`,
    html_url: `${url}/alice`,
    language: '',
    is_admin: false,
    last_login: '0001-01-01T00:00:00Z',
    created: '2026-11-28T13:53:58Z',
    restricted: false,
    active: false,
    prohibit_login: false,
    location: '',
    pronouns: '',
    website: '',
    description: '',
    visibility: 'public',
    followers_count: 0,
    following_count: 0,
    starred_repos_count: 0,
    username: 'alice',
  };
}

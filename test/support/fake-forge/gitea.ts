/**
 * What Forgejo and Gitea say, from 1.20 on: `GET /repos/{owner}/{repo}/commits` and `…/git/commits/{sha}`.
 *
 * A renamed repo is a 307 to the path with its new name. Neither limits requests; what stands before them may.
 */

import { type FakeCommit, toDate } from './graph.ts';
import type { FakeRepo } from './repos.ts';
import { type Answer, type Answers, boundedNumber, pageNotFound, type Question } from './server.ts';

export interface GiteaQuirks {
  /** The largest page, `[git] COMMITS_RANGE_SIZE`; 50 by default. */
  readonly commitsRangeSize?: number;
  /** As before 1.20, the list knows no `not`. */
  readonly isWithoutNot?: boolean;
}

const failure = (status: number, message: string, url: string): Answer => ({
  status,
  body: { errors: [], message, url: `${url}/api/swagger` },
});

export function giteaAnswers({ commitsRangeSize = 50, isWithoutNot = false }: GiteaQuirks): Answers {
  function list(repo: FakeRepo, { query, url }: Question): Answer {
    const head = repo.graph.find(query.get('sha') ?? '');
    if (!head) return failure(404, "The target couldn't be found.", url);
    const not = isWithoutNot ? null : query.get('not');
    const base = not === null ? null : repo.graph.find(not);
    // `git rev-list` fails, and nobody looks why.
    if (not !== null && !base) return failure(500, '', url);
    const size = boundedNumber(query.get('limit'), 30, commitsRangeSize);
    const page = boundedNumber(query.get('page'), 1, Infinity);
    const log = repo.graph.log(head.id, base?.id ?? null);
    const pages = Math.ceil(log.length / size);
    return {
      status: 200,
      headers: {
        'x-total-count': String(log.length),
        'x-total': String(log.length),
        'x-page': String(page),
        'x-perpage': String(size),
        'x-pagecount': String(pages),
        'x-hasmore': String(page < pages),
      },
      body: log.slice((page - 1) * size, page * size).map((commit) => toWire(commit, repo, query, url)),
    };
  }

  function answer(question: Question): Answer {
    const { path, query, headers, repos, token, url } = question;
    const [, owner = '', name = '', rest = ''] =
      /^\/api\/v1\/repos\/([^/]+)\/([^/]+)(\/.*)$/.exec(path) ?? [];
    if (owner === '') return pageNotFound;
    const given = /^(?:token|bearer) (.*)$/i.exec(headers.authorization ?? '')?.[1];
    if (given !== undefined && given !== token)
      return failure(401, 'user does not exist [uid: 0, name: ]', url);
    const fullName = decodeURIComponent(`${owner}/${name}`);
    const repo = repos.find(fullName);
    if (!repo || (repo.isPrivate && given === undefined)) {
      return failure(404, "The target couldn't be found.", url);
    }
    if (repo.fullName.toLowerCase() !== fullName.toLowerCase()) {
      const { pathname } = new URL(url);
      const root = pathname.replace(/\/$/, '');
      const renamed = repo.fullName.split('/').map(encodeURIComponent).join('/');
      const location = `${root}/api/v1/repos/${renamed}${rest}${query.size > 0 ? `?${query}` : ''}`;
      return { status: 307, headers: { location }, body: '' };
    }
    if (rest === '/commits') return list(repo, question);
    const id = /^\/git\/commits\/([^/]+)$/.exec(rest)?.[1];
    if (id === undefined) return pageNotFound;
    const commit = repo.graph.find(id);
    return commit
      ? { status: 200, body: toWire(commit, repo, query, url) }
      : failure(404, "The target couldn't be found.", url);
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

function toWire(commit: FakeCommit, repo: FakeRepo, query: URLSearchParams, url: string) {
  const { id, parents } = commit;
  const urlOf = (sha: string) => `${url}/api/v1/repos/${repo.fullName}/git/commits/${sha}`;
  const person = { name: 'Alice', email: 'alice@example.com', date: toDate(commit) };
  return {
    url: urlOf(id),
    sha: id,
    created: toDate(commit),
    html_url: `${url}/${repo.fullName}/commit/${id}`,
    commit: {
      url: urlOf(id),
      // An author's date says when a change was written, which may be long before.
      author: { ...person, date: toDate({ ...commit, committedAt: commit.committedAt - 86_400 }) },
      committer: person,
      message: 'Change something\n',
      tree: { url: urlOf(id), sha: id, created: toDate(commit) },
      verification: query.get('verification') === 'false' ? null : { verified: false, reason: 'gpg.error' },
    },
    author: null,
    committer: null,
    parents: parents.map((sha) => ({ url: urlOf(sha), sha, created: '0001-01-01T00:00:00Z' })),
    files: query.get('files') === 'false' ? null : [{ filename: 'README.md', status: 'modified' }],
    stats: query.get('stat') === 'false' ? null : { total: 2, additions: 1, deletions: 1 },
  };
}

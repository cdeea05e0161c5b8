/**
 * GitLab's answers to `GET /projects/{id or path}`, `…/repository/commits` with a range for `ref_name`, and
 * `…/repository/commits/{sha}`.
 *
 * A renamed project is a 301 to a path with its id. Too many requests are a 429 in plain text.
 */

import { type FakeCommit, type Graph, toDate } from './graph.ts';
import { type FakeRepo, isShown } from './repos.ts';
import { type Answer, type Answers, boundedNumber, pageNotFound, type Question } from './server.ts';

const failure = (status: number, message: string): Answer => ({ status, body: { message } });
const root = '/api/v4';

export const gitlabAnswers: Answers = {
  answer(question) {
    const { path, query, headers, repos, token, url } = question;
    if (!path.startsWith(`${root}/`)) return pageNotFound;
    const bearer = /^bearer (.*)$/i.exec(headers.authorization ?? '')?.[1];
    const given = headers['private-token'] ?? bearer;
    if (given !== undefined && given !== token) return failure(401, '401 Unauthorized');
    const [, encoded = '', rest = ''] =
      /^\/api\/v4\/projects\/([^/]+)(?:\/repository(\/.*))?$/.exec(path) ?? [];
    if (encoded === '') return { status: 404, body: { error: '404 Not Found' } };
    const name = decodeURIComponent(encoded);
    const isById = /^\d+$/.test(name);
    const repo = isById ? repos.byId(Number(name)) : repos.find(name);
    if (!isShown(repo, given)) return failure(404, '404 Project Not Found');
    if (!isById && repo.fullName.toLowerCase() !== name.toLowerCase()) {
      const search = query.size > 0 ? `?${query}` : '';
      const below = rest === '' ? '' : `/repository${rest}`;
      const location = `${url}${root}/projects/${repo.id}${below}${search}`;
      return { status: 301, headers: { location }, body: { message: 'This resource has been moved' } };
    }
    if (rest === '') return { status: 200, body: toWireProject(repo, url) };
    if (rest === '/commits') return list(repo, question);
    const id = /^\/commits\/([^/]+)$/.exec(rest)?.[1];
    const commit = id === undefined ? null : repo.graph.find(id);
    return commit ? { status: 200, body: toWire(commit, repo, url) } : failure(404, '404 Commit Not Found');
  },

  limited: (seconds) => ({
    status: 429,
    headers: {
      'content-type': 'text/plain',
      'ratelimit-limit': '2000',
      'ratelimit-observed': '2001',
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(Math.floor(Date.now() / 1000) + seconds),
      'retry-after': String(seconds),
    },
    body: 'Retry later\n',
  }),
};

function list(repo: FakeRepo, { query, url }: Question): Answer {
  const log = logOf(repo.graph, query.get('ref_name') ?? '');
  const size = boundedNumber(query.get('per_page'), 20, 100);
  const page = boundedNumber(query.get('page'), 1, Infinity);
  const commits = log.slice((page - 1) * size, page * size);
  return {
    status: 200,
    headers: {
      'x-page': String(page),
      'x-per-page': String(size),
      // GitLab does not check whether the next page is empty.
      'x-next-page': commits.length === size ? String(page + 1) : '',
    },
    body: commits.map((commit) => toWire(commit, repo, url)),
  };
}

/** Empty if `git log` fails, as for missing revisions. */
function logOf(graph: Graph, range: string): readonly FakeCommit[] {
  const [from = '', to] = range.split('..');
  const head = graph.find(to ?? from);
  const base = to === undefined ? null : graph.find(from);
  return !head || (to !== undefined && !base) ? [] : graph.log(head.id, base?.id ?? null);
}

function toWireProject({ id, fullName, isPrivate }: FakeRepo, url: string) {
  const visibility = isPrivate ? 'private' : 'public';
  return { id, path_with_namespace: fullName, visibility, web_url: `${url}/${fullName}` };
}

function toWire(commit: FakeCommit, repo: FakeRepo, url: string) {
  const { id, parents, authoredAt, message } = commit;
  const withMs = (date: string) => date.replace(/(:\d\d)([+-])/, '$1.000$2');
  const committed = withMs(toDate(commit, '+00:00'));
  return {
    id,
    short_id: id.slice(0, 8),
    created_at: committed,
    parent_ids: parents,
    title: message.split('\n', 1)[0],
    message,
    author_name: 'Alice',
    author_email: 'alice@example.com',
    authored_date: withMs(toDate({ ...commit, committedAt: authoredAt }, '+00:00')),
    committer_name: 'Alice',
    committer_email: 'alice@example.com',
    committed_date: committed,
    trailers: {},
    extended_trailers: {},
    web_url: `${url}/${repo.fullName}/-/commit/${id}`,
  };
}

/**
 * GitHub's answers to `GET /repos/{owner}/{repo}`, `…/compare/{base}...{head}`, `…/commits/{sha}` and `…/git/tags/{sha}`,
 * below `/api/v3`, also by the repo's id.
 *
 * The id of a tag object is not accepted as a commit's. A renamed repo is a 301 to a path with its id. Too many requests are
 * a 403.
 */

import { type FakeCommit, type Graph, toDate } from './graph.ts';
import { type FakeRepo, isShown } from './repos.ts';
import { type Answer, type Answers, boundedNumber, pageNotFound, type Question } from './server.ts';

const documentation_url = 'https://docs.github.com/rest';
const failure = (status: number, message: string): Answer => ({
  status,
  body: { message, documentation_url, status: String(status) },
});
const root = '/api/v3';

export const githubAnswers: Answers = {
  answer(question) {
    const { path, query, headers, repos, token, url } = question;
    if (!path.startsWith(`${root}/`)) return pageNotFound;
    // GitHub refuses requests without a User-Agent.
    if (!headers['user-agent']) return { status: 403, body: 'Request forbidden by administrative rules.' };
    const given = /^(?:token|bearer) (.*)$/i.exec(headers.authorization ?? '')?.[1];
    if (given !== undefined && given !== token) return failure(401, 'Bad credentials');
    const [, owner, name, number, rest = ''] =
      /^\/api\/v3\/(?:repos\/([^/]+)\/([^/]+)|repositories\/(\d+))(\/.*)?$/.exec(path) ?? [];
    const fullName = decodeURIComponent(`${owner}/${name}`);
    const repo = number === undefined ? repos.find(fullName) : repos.byId(Number(number));
    if (!isShown(repo, given)) return failure(404, 'Not Found');
    if (number === undefined && repo.fullName.toLowerCase() !== fullName.toLowerCase()) {
      const location = `${url}${root}/repositories/${repo.id}${rest}${query.size > 0 ? `?${query}` : ''}`;
      const body = { message: 'Moved Permanently', url: location, documentation_url };
      return { status: 301, headers: { location }, body };
    }
    if (rest === '') return { status: 200, body: toWireRepo(repo, url) };
    const [, base, head] = /^\/compare\/([^/]+?)\.\.\.([^/]+)$/.exec(rest) ?? [];
    if (base !== undefined && head !== undefined) return compare(repo, base, head, question);
    const tagId = /^\/git\/tags\/([^/]+)$/.exec(rest)?.[1];
    if (tagId !== undefined) return tagOf(repo, tagId, url);
    const id = /^\/commits\/([^/]+)$/.exec(rest)?.[1];
    if (id === undefined) return failure(404, 'Not Found');
    const commit = findCommit(repo.graph, id);
    return commit
      ? { status: 200, body: { ...toWire(commit, repo, url), stats: { total: 2 }, files: [] } }
      : failure(422, `No commit found for SHA: ${id}`);
  },

  limited: (seconds) => ({
    status: 403,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-used': '5000',
      'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + seconds),
    },
    body: JSON.stringify({ message: 'API rate limit exceeded for user ID 1.', documentation_url }),
  }),
};

function findCommit(graph: Graph, revision: string): FakeCommit | null {
  return graph.findTag(revision) ? null : graph.find(revision);
}

function tagOf({ graph, fullName }: FakeRepo, id: string, url: string): Answer {
  const tag = graph.findTag(id);
  if (!tag) return failure(404, 'Not Found');
  const git = `${url}${root}/repos/${fullName}/git`;
  const type = graph.isTag(tag.target) ? 'tag' : 'commit';
  return {
    status: 200,
    body: {
      sha: tag.id,
      url: `${git}/tags/${tag.id}`,
      tag: tag.name,
      message: 'A release',
      object: { sha: tag.target, type, url: `${git}/${type}s/${tag.target}` },
    },
  };
}

function toWireRepo({ id, fullName, isPrivate }: FakeRepo, url: string) {
  const [login, name] = fullName.split('/');
  return {
    id,
    name,
    full_name: fullName,
    private: isPrivate,
    owner: { login },
    html_url: `${url}/${fullName}`,
  };
}

function compare(repo: FakeRepo, from: string, to: string, { query, url }: Question): Answer {
  const { graph } = repo;
  const [base, head] = [findCommit(graph, from), findCommit(graph, to)];
  if (!base || !head) return failure(404, 'Not Found');
  const mergeBase = newestCommon(graph, base, head);
  if (!mergeBase) return failure(404, `No common ancestor between ${from} and ${to}.`);
  const log = graph.log(head.id, base.id).toReversed();
  const behind = graph.log(base.id, head.id).length;
  const isPaged = query.has('page') || query.has('per_page');
  const size = isPaged ? boundedNumber(query.get('per_page'), 30, 100) : 250;
  const page = boundedNumber(query.get('page'), 1, Infinity);
  const commits = isPaged ? log.slice((page - 1) * size, page * size) : log.slice(-size);
  const [ahead, isBehind] = [log.length > 0, behind > 0];
  return {
    status: 200,
    body: {
      url: `${url}${root}/repos/${repo.fullName}/compare/${from}...${to}`,
      base_commit: toWire(base, repo, url),
      merge_base_commit: toWire(mergeBase, repo, url),
      status: ahead ? (isBehind ? 'diverged' : 'ahead') : isBehind ? 'behind' : 'identical',
      ahead_by: log.length,
      behind_by: behind,
      total_commits: log.length,
      commits: commits.map((commit) => toWire(commit, repo, url)),
      ...(page === 1 && { files: [{ filename: 'README.md', status: 'modified', patch: '@@ -1 +1 @@' }] }),
    },
  };
}

function newestCommon(graph: Graph, a: FakeCommit, b: FakeCommit): FakeCommit | null {
  const ofB = graph.reachable(b.id);
  return graph.log(a.id, null).find(({ id }) => ofB.has(id)) ?? null;
}

function toWire(commit: FakeCommit, repo: FakeRepo, url: string) {
  const { id, parents, authoredAt } = commit;
  // GitHub sends every date in UTC.
  const date = toDate({ ...commit, zoneMinutes: 0 });
  const authored = toDate({ ...commit, zoneMinutes: 0, committedAt: authoredAt });
  const urlOf = (sha: string) => `${url}${root}/repos/${repo.fullName}/commits/${sha}`;
  return {
    sha: id,
    node_id: `C_${id.slice(0, 12)}`,
    commit: {
      author: { name: 'Alice', email: 'alice@example.com', date: authored },
      committer: { name: 'GitHub', email: 'noreply@github.com', date },
      message: commit.message.trimEnd(),
      tree: { sha: id, url: `${url}${root}/repos/${repo.fullName}/git/trees/${id}` },
      comment_count: 0,
      verification: { verified: false, reason: 'unsigned', signature: null, payload: null },
    },
    url: urlOf(id),
    html_url: `${url}/${repo.fullName}/commit/${id}`,
    author: null,
    committer: null,
    parents: parents.map((sha) => ({
      sha,
      url: urlOf(sha),
      html_url: `${url}/${repo.fullName}/commit/${sha}`,
    })),
  };
}

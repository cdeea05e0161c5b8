/**
 * GitHub, on github.com, on a subdomain of ghe.com, or on another server.
 *
 * Its comparison lists the same commits as `git log base..head`, in pages. It answers 404 for commits without a common
 * ancestor, and for the id of a tag object. The first page also contains the changed files; no parameter omits them.
 */

import { z } from 'zod';
import { type Dialect, type LogEntry, ownerPath, readPages, WireCommitId } from './dialect.ts';
import { type ForgeGet, Unknown } from './forge-get.ts';
import { repoName, toLogEntry, WireCommit } from './wire-commit.ts';

const pageSize = 100;

const WireComparison = z.object({
  total_commits: z.int().nonnegative(),
  commits: z.array(WireCommit),
});

const WireTag = z.object({ object: z.object({ type: z.string(), sha: WireCommitId }) });
/** Most tag objects between a tag and its commit: a tag object may point to another. */
const mostTags = 10;

async function commit(get: ForgeGet, path: string, id: string, signal: AbortSignal): Promise<LogEntry> {
  // The pages of this route contain files, so the smallest page is enough.
  return toLogEntry((await get(`${path}/commits/${id}?per_page=1`, WireCommit, signal)).body);
}

/**
 * The id of the commit behind a tag object. Rejects with `Unknown` if the id is no tag object's, or if there is no commit.
 */
async function peel(get: ForgeGet, path: string, id: string, signal: AbortSignal): Promise<string> {
  let next = id;
  for (let followed = 0; followed < mostTags; followed++) {
    const { object } = (await get(`${path}/git/tags/${next}`, WireTag, signal)).body;
    if (object.type === 'commit') return object.sha;
    if (object.type !== 'tag') break;
    next = object.sha;
  }
  throw new Unknown(`GitHub has no commit behind the tag ${id}`);
}

export const githubDialect: Dialect = {
  server: 'GitHub',
  apiUrl(url) {
    const { protocol, host } = new URL(url);
    const name = host.replace(/^(?:www|api)\./, '');
    return name === 'github.com' || name.endsWith('.ghe.com') ? `${protocol}//api.${name}` : `${url}/api/v3`;
  },
  headers: (token) => ({
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
    ...(token !== null && { authorization: `Bearer ${token}` }),
  }),
  repoPath: ownerPath,
  pathOfId: (id) => `/repositories/${id}`,
  repoName,
  async commit(get, repoPath, id, signal) {
    try {
      return await commit(get, repoPath, id, signal);
    } catch (error) {
      if (!(error instanceof Unknown) || !WireCommitId.safeParse(id).success) throw error;
      return commit(get, repoPath, await peel(get, repoPath, id, signal), signal);
    }
  },
  between: (get, repoPath, base, head, signal) =>
    readPages(async (page) => {
      const path = `${repoPath}/compare/${base}...${head}?per_page=${pageSize}&page=${page}`;
      const { total_commits: total, commits } = (await get(path, WireComparison, signal)).body;
      return { entries: commits.map(toLogEntry), isLast: page * pageSize >= total, total };
    }),
};

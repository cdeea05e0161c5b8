/**
 * GitHub, on github.com, under a subdomain of ghe.com, or on a server of one's own.
 *
 * Its comparison is what `git log base..head` lists, in pages. It has no answer (404) for commits without a common
 * ancestor. The first page holds the changed files, too, which cannot be left out.
 */

import { z } from 'zod';
import { type Dialect, ownerPath, readPages } from './dialect.ts';
import { toLogEntry, WireCommit } from './wire-commit.ts';

const pageSize = 100;

const WireComparison = z.object({
  total_commits: z.int().nonnegative(),
  commits: z.array(WireCommit),
});

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
  async commit(get, repoPath, id, signal) {
    // Pages here are of files, of which none is wanted.
    return toLogEntry((await get(`${repoPath}/commits/${id}?per_page=1`, WireCommit, signal)).body);
  },
  between: (get, repoPath, base, head, signal) =>
    readPages(async (page) => {
      const path = `${repoPath}/compare/${base}...${head}?per_page=${pageSize}&page=${page}`;
      const { total_commits: total, commits } = (await get(path, WireComparison, signal)).body;
      return { entries: commits.map(toLogEntry), isLast: page * pageSize >= total, total };
    }),
};

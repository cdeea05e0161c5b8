/**
 * Forgejo and Gitea, from 1.20 on: their list of commits then has the parameter `not`, as `git log` has.
 *
 * Their comparison is not used: it reads a diff for each commit, has no pages, needs enabled pull requests, lists too many
 * commits if two branches were merged both ways, and none if they have no common commit. Every route accepts the id of a tag
 * object as its commit.
 */

import { z } from 'zod';
import { Unavailable } from '../util/get-json.ts';
import { type Dialect, ownerPath, readPages } from './dialect.ts';
import type { ForgeGet } from './forge-get.ts';
import { repoName, toLogEntry, WireCommit } from './wire-commit.ts';

/** Omits fields for which the server would read files and signatures. */
const lean = { stat: 'false', verification: 'false', files: 'false' };
/** The largest page by the servers' default settings. */
const pageSize = 50;

export function giteaDialect(server: 'Forgejo' | 'Gitea'): Dialect {
  async function commit(get: ForgeGet, repoPath: string, id: string, signal: AbortSignal) {
    const query = new URLSearchParams(lean);
    return toLogEntry((await get(`${repoPath}/git/commits/${id}?${query}`, WireCommit, signal)).body);
  }

  return {
    server,
    apiUrl: (url) => `${url}/api/v1`,
    headers: (token): Record<string, string> => (token === null ? {} : { authorization: `token ${token}` }),
    repoPath: ownerPath,
    pathOfId: (id) => `/repositories/${id}`,
    repoName,
    commit,
    async between(get, repoPath, base, head, signal) {
      const range = { sha: head, not: base, ...lean, limit: String(pageSize) };
      try {
        return await readPages(async (page) => {
          const query = new URLSearchParams({ ...range, page: String(page) });
          const { body, headers } = await get(`${repoPath}/commits?${query}`, z.array(WireCommit), signal);
          const total = headers.get('x-total-count') ?? '';
          return {
            entries: body.map(toLogEntry),
            isLast: headers.get('x-hasmore') === 'false',
            total: /^\d+$/.test(total) ? Number(total) : null,
          };
        });
      } catch (error) {
        // The server also answers 500 if it does not know one of the commits: `commit` then rejects with `Unknown`.
        if (!(error instanceof Unavailable) || error.status !== 500) throw error;
        for (const id of [base, head]) await commit(get, repoPath, id, signal);
        throw error;
      }
    },
  };
}

/**
 * Forgejo and Gitea, from 1.20 on, which both took the `not` of `git log` into their list of commits.
 *
 * That list is asked and not their comparison, which reads a diff for each commit, has no pages, needs pull requests to
 * be enabled, lists too much if two branches were merged both ways, and nothing if they share no commit. Every route
 * takes the id of a tag object for the commit that it points to.
 */

import { z } from 'zod';
import { type PatientGet, Unavailable } from '../util/get-json.ts';
import { type Dialect, ownerPath, readPages } from './dialect.ts';
import { toLogEntry, WireCommit, WireRepo } from './wire-commit.ts';

/** Leaves out what it would have to look into files and signatures for. */
const lean = { stat: 'false', verification: 'false', files: 'false' };
/** The largest that servers give unless they are set otherwise. */
const pageSize = 50;

export function giteaDialect(server: 'Forgejo' | 'Gitea'): Dialect {
  async function repo(get: PatientGet, path: string, signal: AbortSignal) {
    return { fullName: (await get(path, WireRepo, signal)).body.full_name };
  }
  async function commit(get: PatientGet, repoPath: string, id: string, signal: AbortSignal) {
    const query = new URLSearchParams(lean);
    return toLogEntry((await get(`${repoPath}/git/commits/${id}?${query}`, WireCommit, signal)).body);
  }

  return {
    server,
    apiUrl: (url) => `${url}/api/v1`,
    headers: (token): Record<string, string> => (token === null ? {} : { authorization: `token ${token}` }),
    repoPath: ownerPath,
    repoAt: repo,
    repoById: (get, id, signal) => repo(get, `/repositories/${id}`, signal),
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
        // It answers 500, too, if it does not know one of the commits.
        if (!(error instanceof Unavailable) || error.status !== 500) throw error;
        for (const id of [base, head]) await commit(get, repoPath, id, signal);
        throw error;
      }
    },
  };
}

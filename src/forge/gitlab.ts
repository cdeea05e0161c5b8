/**
 * GitLab: its list of commits accepts a range. Its comparison is not used, since it contains all diffs.
 *
 * For a range with an unknown commit it sends an empty list, as for a range without commits. Every route accepts the id of a
 * tag object as its commit.
 */

import { z } from 'zod';
import { revertedBy } from '../core/failures/reverts.ts';
import {
  type Dialect,
  type LogEntry,
  parseCommitDate,
  pathSegments,
  readPages,
  WireCommitId,
} from './dialect.ts';

/** The largest page of the API. */
const pageSize = 100;

type WireCommit = z.infer<typeof WireCommit>;
const WireCommit = z.object({
  id: WireCommitId,
  committed_date: z.string().nullish(),
  parent_ids: z.array(WireCommitId).nullish(),
  message: z.string().nullish(),
});

function toLogEntry({ id, committed_date, parent_ids, message }: WireCommit): LogEntry {
  return {
    id,
    parents: parent_ids ?? [],
    committedAt: parseCommitDate(committed_date),
    reverts: revertedBy(message ?? ''),
  };
}

const WireProject = z.object({ path_with_namespace: z.string() });

export const gitlabDialect: Dialect = {
  server: 'GitLab',
  apiUrl: (url) => `${url}/api/v4`,
  headers: (token): Record<string, string> => (token === null ? {} : { 'private-token': token }),
  repoPath(repoName) {
    const segments = pathSegments(repoName);
    return segments && segments.length > 1 ? `/projects/${segments.join('%2F')}/repository` : null;
  },
  pathOfId: (id) => `/projects/${id}/repository`,
  async repoName(get, repoPath, signal) {
    return (await get(repoPath.replace(/\/repository$/, ''), WireProject, signal)).body.path_with_namespace;
  },
  async commit(get, repoPath, id, signal) {
    return toLogEntry((await get(`${repoPath}/commits/${id}?stats=false`, WireCommit, signal)).body);
  },
  between: (get, repoPath, base, head, signal) =>
    readPages(async (page) => {
      const query = `ref_name=${base}..${head}&per_page=${pageSize}&page=${page}`;
      const { body } = await get(`${repoPath}/commits?${query}`, z.array(WireCommit), signal);
      return { entries: body.map(toLogEntry), isLast: body.length < pageSize, total: null };
    }),
};

/**
 * GitLab: its list of commits takes a range, which its comparison would weigh down with all diffs.
 *
 * A range with a commit that it does not know is an empty list, the same as one without commits.
 */

import { z } from 'zod';
import {
  type Dialect,
  type LogEntry,
  parseCommitDate,
  pathSegments,
  readPages,
  WireCommitId,
} from './dialect.ts';

/** The largest that there is. */
const pageSize = 100;

type WireCommit = z.infer<typeof WireCommit>;
const WireCommit = z.object({
  id: WireCommitId,
  committed_date: z.string().nullish(),
  parent_ids: z.array(WireCommitId).nullish(),
});

function toLogEntry({ id, committed_date, parent_ids }: WireCommit): LogEntry {
  return { id, parents: parent_ids ?? [], committedAt: parseCommitDate(committed_date) };
}

export const gitlabDialect: Dialect = {
  server: 'GitLab',
  apiUrl: (url) => `${url}/api/v4`,
  headers: (token): Record<string, string> => (token === null ? {} : { 'private-token': token }),
  repoPath(repoName) {
    const segments = pathSegments(repoName);
    return segments && segments.length > 1 ? `/projects/${segments.join('%2F')}/repository` : null;
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

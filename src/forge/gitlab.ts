/**
 * GitLab: its list of commits takes a range, which its comparison would weigh down with all diffs.
 *
 * A range with an unknown commit is an empty list, the same as one without commits. Every route takes the id of a tag
 * object for the commit that it points to.
 */

import { z } from 'zod';
import { revertedBy } from '../core/failures/reverts.ts';
import type { PatientGet } from '../util/get-json.ts';
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

async function project(get: PatientGet, path: string, signal: AbortSignal) {
  return { fullName: (await get(path, WireProject, signal)).body.path_with_namespace };
}

export const gitlabDialect: Dialect = {
  server: 'GitLab',
  apiUrl: (url) => `${url}/api/v4`,
  headers: (token): Record<string, string> => (token === null ? {} : { 'private-token': token }),
  repoPath(repoName) {
    const segments = pathSegments(repoName);
    return segments && segments.length > 1 ? `/projects/${segments.join('%2F')}/repository` : null;
  },
  repoAt: (get, repoPath, signal) => project(get, repoPath.replace(/\/repository$/, ''), signal),
  repoById: (get, id, signal) => project(get, `/projects/${id}`, signal),
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

/** Commits and repos in the JSON of Forgejo, Gitea and GitHub. */

import { z } from 'zod';
import { revertedBy } from '../core/failures/reverts.ts';
import { type LogEntry, parseCommitDate, WireCommitId } from './dialect.ts';
import type { ForgeGet } from './forge-get.ts';

export type WireCommit = z.infer<typeof WireCommit>;
export const WireCommit = z.object({
  sha: WireCommitId,
  commit: z.object({
    message: z.string().nullish(),
    committer: z.object({ date: z.string().nullish() }).nullish(),
  }),
  parents: z.array(z.object({ sha: WireCommitId })).nullish(),
});

export function toLogEntry({ sha, commit, parents }: WireCommit): LogEntry {
  return {
    id: sha,
    parents: (parents ?? []).map((parent) => parent.sha),
    committedAt: parseCommitDate(commit.committer?.date),
    reverts: revertedBy(commit.message ?? ''),
  };
}

const WireRepo = z.object({ full_name: z.string() });

export async function repoName(get: ForgeGet, path: string, signal: AbortSignal): Promise<string> {
  return (await get(path, WireRepo, signal)).body.full_name;
}

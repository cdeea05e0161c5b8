/** Converts between the forge's answers for deployments and rows of `changes`, and finds the ids of a commit. */

import type { Change, CommitRange } from '../core/commit-range.ts';
import { type SqlRow, type SqlValue, textOrNull } from './sql-values.ts';

/** The commit of an id, as an SQL expression; `id` and `repo` are SQL expressions, too. */
export function commitOf(id: string, repo: string): string {
  return `COALESCE((SELECT commit_id FROM commit_ids WHERE commit_ids.repo = ${repo} AND told = ${id}), ${id})`;
}

/** All ids of a commit, as an SQL query; both arguments are SQL expressions. */
export function idsOfCommit(repo: string, commit: string): string {
  return `SELECT ${commit} UNION ALL SELECT told FROM commit_ids WHERE commit_ids.repo = ${repo} AND commit_id = ${commit}`;
}

/** Base and head of a change, by the names that `toChanges` reads. */
export const changeEnds = [
  `${commitOf('changes.base', 'changes.repo')} AS change_base`,
  `${commitOf('changes.head', 'changes.repo')} AS change_head`,
].join(', ');

/** A whole change. */
export const changeColumns = `${changeEnds}, changes.commits AS change_commits`;

/** As JSON, with commits as arrays, since there may be many. */
export function fromRange(range: CommitRange | null): string | null {
  if (!range) return null;
  const added = range.added.map(({ id, committedAt, isMerge }) => [id, committedAt, Number(isMerge)]);
  return JSON.stringify({ added, removed: range.removed, reverts: range.reverts });
}

export function toChange(
  base: SqlValue | undefined,
  head: SqlValue | undefined,
  commits: SqlValue | undefined,
): Change | null {
  if (typeof head !== 'string') return null;
  return { base: textOrNull(base), head, range: typeof commits === 'string' ? toRange(commits) : null };
}

function toRange(json: string): CommitRange {
  const { added, removed, reverts } = JSON.parse(json) as {
    added: readonly [id: string, committedAt: number, isMerge: 0 | 1][];
    removed: readonly string[];
    reverts?: readonly string[];
  };
  return {
    added: added.map(([id, committedAt, isMerge]) => ({ id, committedAt, isMerge: isMerge === 1 })),
    removed,
    ...(reverts && { reverts }),
  };
}

export function toChanges(rows: readonly SqlRow[]): Map<string, Change> {
  const changes = new Map<string, Change>();
  for (const row of rows) {
    const change = toChange(row['change_base'], row['change_head'], row['change_commits']);
    if (change) changes.set(String(row['tier']), change);
  }
  return changes;
}

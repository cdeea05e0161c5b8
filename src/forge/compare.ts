/**
 * Compares two commits of one repo.
 *
 * Most deployments only add commits, and need one request: if an added commit has the base as its parent, no commit was
 * removed. Otherwise another request lists the removed commits. The full id of the head needs a request only if no list
 * contains it: then the head is a tag object, or no commit was added.
 */

import { Unavailable } from '../util/get-json.ts';
import { recover } from '../util/recover.ts';
import type { LogEntry } from './dialect.ts';
import type { Commit, CommitRange, Comparison } from './forge.ts';
import { Unknown } from './forge-get.ts';

/** The commits of one repo. Both reject with `Unknown` if a commit is unknown. */
export interface RepoLog {
  /** The forge's name in messages. */
  readonly server: string;
  /** The commit of an id, which may be a tag object's, or abbreviated. */
  commit(id: string): Promise<LogEntry>;
  /** The commits that are reachable from `head` and not from `base`; `null`: too many. */
  between(base: string, head: string): Promise<readonly LogEntry[] | null>;
}

interface Difference {
  readonly added: readonly LogEntry[];
  readonly removed: readonly LogEntry[];
}

/** Ids must be in lower case. Rejects with `Unknown` if the head is unknown, or as `log` does. */
export async function compare(log: RepoLog, base: string | null, head: string): Promise<Comparison> {
  if (base === null) {
    const commit = await log.commit(head);
    return { commit: commit.id, range: toRange({ added: [commit], removed: [] }) };
  }
  const difference = await differenceOf(log, base, head);
  const commit = fullIdIn(difference, head) ?? (await log.commit(head)).id;
  if (difference === 'too many') return { commit, range: null };
  if (difference !== 'unknown' && !isEmpty(difference)) return { commit, range: toRange(difference) };
  // The forge does not accept ids of tag objects, or does not know the base, or both ids mean one commit.
  const from = (await recover(log.commit(base), Unknown, () => null))?.id;
  if (from === undefined) return { commit, range: null };
  if (from === commit) return { commit, range: { added: [], removed: [] } };
  if (from === base && commit === head) return { commit, range: null };
  const second = await differenceOf(log, from, commit);
  const isUsable = second !== 'unknown' && second !== 'too many' && !isEmpty(second);
  return { commit, range: isUsable ? toRange(second) : null };
}

async function differenceOf(
  log: RepoLog,
  base: string,
  head: string,
): Promise<Difference | 'too many' | 'unknown'> {
  try {
    const added = await log.between(base, head);
    if (added === null) return 'too many';
    const isAncestor = added.some(({ parents }) => parents.some((parent) => isSame(parent, base)));
    const removed = isAncestor ? [] : await log.between(head, base);
    if (removed === null) return 'too many';
    if (!areDisjoint(added, removed, base)) {
      throw new Unavailable(`${log.server} lists commits that the request excludes: it may be too old`);
    }
    return { added, removed };
  } catch (error) {
    if (error instanceof Unknown) return 'unknown';
    throw error;
  }
}

function isEmpty({ added, removed }: Difference): boolean {
  return added.length === 0 && removed.length === 0;
}

/** The full id of the commit `head`, if a list contains it, or contains it as a parent; else `null`. */
function fullIdIn(difference: Difference | 'too many' | 'unknown', head: string): string | null {
  if (typeof difference === 'string') return null;
  const { added, removed } = difference;
  const ids = [...added.map(({ id }) => id), ...removed.flatMap(({ parents }) => parents)];
  return ids.find((id) => id.startsWith(head)) ?? null;
}

/** Whether two ids mean the same commit. Either may be abbreviated. */
export function isSame(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

/** Whether no commit is in both lists, and the base is not among the added commits. */
function areDisjoint(added: readonly LogEntry[], removed: readonly LogEntry[], base: string): boolean {
  const removedIds = new Set(removed.map(({ id }) => id));
  return !added.some(({ id }) => isSame(id, base) || removedIds.has(id));
}

/** `null`: the date of an added commit is unreadable. */
function toRange({ added, removed }: Difference): CommitRange | null {
  const commits: Commit[] = [];
  for (const { id, parents, committedAt } of added) {
    if (committedAt === null) return null;
    commits.push({ id, committedAt, isMerge: parents.length > 1 });
  }
  const reverts = [...new Set(added.flatMap((entry) => entry.reverts))];
  return {
    added: commits,
    removed: removed.map(({ id }) => id),
    ...(reverts.length > 0 && { reverts }),
  };
}

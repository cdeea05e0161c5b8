/** The commits of a repo, and what `git log` and `git rev-parse` would say of them. */

import { createHash } from 'node:crypto';

export interface FakeCommit {
  readonly id: string;
  readonly parents: readonly string[];
  /** Unix seconds. */
  readonly committedAt: number;
  /** Of the committer's clock, ahead of UTC. */
  readonly zoneMinutes: number;
}

export interface CommitInput {
  /** Made from the rest by default. */
  readonly id?: string;
  /** Their ids; none by default. */
  readonly parents?: readonly string[];
  readonly committedAt: number;
  readonly zoneMinutes?: number;
}

export type Graph = ReturnType<typeof createGraph>;

export function createGraph() {
  const commits = new Map<string, FakeCommit>();
  const logs = new Map<string, readonly FakeCommit[]>();

  function reachable(head: string): Set<string> {
    const seen = new Set<string>();
    const open = [head];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const commit = commits.get(id);
      if (!commit || seen.has(id)) continue;
      seen.add(id);
      open.push(...commit.parents);
    }
    return seen;
  }

  return {
    reachable,
    size: (): number => commits.size,

    add({ id, parents = [], committedAt, zoneMinutes = 0 }: CommitInput): string {
      const missing = parents.find((parent) => !commits.has(parent));
      if (missing !== undefined) throw new Error(`There is no commit ${missing}`);
      const text = JSON.stringify([commits.size, parents, committedAt]);
      const made = id ?? createHash('sha1').update(text).digest('hex');
      commits.set(made, { id: made, parents, committedAt, zoneMinutes });
      logs.clear();
      return made;
    },

    forget(id: string): void {
      commits.delete(id);
      logs.clear();
    },

    /** By its id, whole or abbreviated to four characters at least; `null`: none, or several. */
    find(revision: string): FakeCommit | null {
      if (commits.has(revision)) return commits.get(revision) ?? null;
      if (revision.length < 4) return null;
      const found = [...commits.values()].filter(({ id }) => id.startsWith(revision));
      return found.length === 1 ? (found[0] ?? null) : null;
    },

    /** What is reachable from `head` and not from `not`, the newest first. */
    log(head: string, not: string | null): readonly FakeCommit[] {
      const key = `${not}..${head}`;
      const known = logs.get(key);
      if (known) return known;
      const left = not === null ? new Set<string>() : reachable(not);
      const log = [...reachable(head)]
        .filter((id) => !left.has(id))
        .flatMap((id) => commits.get(id) ?? [])
        .sort((a, b) => b.committedAt - a.committedAt);
      logs.set(key, log);
      return log;
    },
  };
}

/** RFC 3339 in the committer's own zone, as Git keeps it. */
export function toDate({ committedAt, zoneMinutes }: FakeCommit, utc: 'Z' | '+00:00' = 'Z'): string {
  const local = new Date((committedAt + zoneMinutes * 60) * 1000).toISOString().replace('.000Z', '');
  if (zoneMinutes === 0) return local + utc;
  const minutes = Math.abs(zoneMinutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${local}${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

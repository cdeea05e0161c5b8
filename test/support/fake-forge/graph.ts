/** The commits of a repo, with the results of `git log` and `git rev-parse`. */

import { createHash } from 'node:crypto';

export interface FakeCommit {
  readonly id: string;
  readonly parents: readonly string[];
  /** Unix seconds. */
  readonly committedAt: number;
  /** Offset of the committer's clock, ahead of UTC. */
  readonly zoneMinutes: number;
  /** Unix seconds. An author's date is when a change was written: a day before, by default. */
  readonly authoredAt: number;
  readonly message: string;
}

/** An annotated tag: an object with an id of its own. A lightweight tag has none. */
export interface FakeTag {
  readonly id: string;
  readonly name: string;
  /** Id of a commit or of another tag object. */
  readonly target: string;
  /** Unix seconds. */
  readonly taggedAt: number;
}

export interface CommitInput {
  /** Made from the rest by default. */
  readonly id?: string;
  /** Their ids; none by default. */
  readonly parents?: readonly string[];
  readonly committedAt: number;
  readonly zoneMinutes?: number;
  readonly authoredAt?: number;
  readonly message?: string;
}

export interface TagInput {
  /** Made from the rest by default. */
  readonly id?: string;
  readonly name: string;
  readonly target: string;
  readonly taggedAt?: number;
}

export type Graph = ReturnType<typeof createGraph>;

export function createGraph() {
  const commits = new Map<string, FakeCommit>();
  const tags = new Map<string, FakeTag>();
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

  /** The only object whose id is or begins with `revision`. */
  function findIn<T>(objects: ReadonlyMap<string, T>, revision: string): T | null {
    const whole = objects.get(revision);
    if (whole) return whole;
    if (revision.length < 4) return null;
    const found = [...objects].filter(([id]) => id.startsWith(revision));
    return found.length === 1 ? (found[0]?.[1] ?? null) : null;
  }

  return {
    reachable,
    size: (): number => commits.size,

    add({ id, parents = [], committedAt, zoneMinutes = 0, ...rest }: CommitInput): string {
      const { authoredAt = committedAt - 86_400, message = 'Change something\n' } = rest;
      const missing = parents.find((parent) => !commits.has(parent));
      if (missing !== undefined) throw new Error(`There is no commit ${missing}`);
      const made = id ?? sha1(JSON.stringify([commits.size, parents, committedAt]));
      commits.set(made, { id: made, parents, committedAt, zoneMinutes, authoredAt, message });
      logs.clear();
      return made;
    },

    addTag({ id, name, target, taggedAt = 0 }: TagInput): string {
      if (!commits.has(target) && !tags.has(target)) throw new Error(`There is no object ${target}`);
      const made = id ?? sha1(JSON.stringify(['tag', name, target]));
      tags.set(made, { id: made, name, target, taggedAt });
      return made;
    },

    forget(id: string): void {
      commits.delete(id);
      logs.clear();
    },

    /** `revision^{commit}`: the id of a commit or of a tag object, of four characters at least. */
    find(revision: string): FakeCommit | null {
      let id = revision;
      for (let tag = findIn(tags, id); tag; tag = tags.get(id) ?? null) id = tag.target;
      return findIn(commits, id);
    },

    /** A tag object by its id. */
    findTag: (revision: string): FakeTag | null => findIn(tags, revision),

    /** Head of the default branch. */
    newest: (): FakeCommit | null => [...commits.values()].at(-1) ?? null,

    isTag: (id: string): boolean => tags.has(id),

    /** The commits that are reachable from `head` and not from `not`, the newest first. */
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

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** RFC 3339 in the committer's own zone, as Git keeps it. */
export function toDate(
  { committedAt, zoneMinutes }: Pick<FakeCommit, 'committedAt' | 'zoneMinutes'>,
  utc: 'Z' | '+00:00' = 'Z',
): string {
  const local = new Date((committedAt + zoneMinutes * 60) * 1000).toISOString().replace('.000Z', '');
  if (zoneMinutes === 0) return local + utc;
  const minutes = Math.abs(zoneMinutes);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${local}${zoneMinutes < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

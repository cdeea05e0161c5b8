/**
 * A forge of any kind, asked over its REST API.
 *
 * One request tells most deployments, which only add to what was there: one of the added commits then has `base` for a
 * parent, so that nothing can have been taken away. Else the other direction is asked, too.
 */

import { Unavailable } from '../util/get-json.ts';
import type { Dialect, LogEntry } from './dialect.ts';
import { type Commit, type CommitRange, type Forge, ForgeUnavailable } from './forge.ts';
import { createForgeGet, type ForgeGetOptions, TokenRefused, Unknown } from './forge-get.ts';
import { giteaDialect } from './gitea.ts';
import { githubDialect } from './github.ts';
import { gitlabDialect } from './gitlab.ts';

export const forgeKinds = ['forgejo', 'gitea', 'github', 'gitlab'] as const;
export type ForgeKind = (typeof forgeKinds)[number];

/** The kind of the forge on a host that is known for it; `null`: it may be any. */
export function kindOfHost(host: string): ForgeKind | null {
  if (/^(?:(?:www|api)\.)?github\.com$|\.ghe\.com$/.test(host)) return 'github';
  if (host === 'gitlab.com') return 'gitlab';
  return host === 'codeberg.org' ? 'forgejo' : null;
}

export interface ForgeOptions extends Pick<ForgeGetOptions, 'fetch' | 'sleep' | 'random' | 'timeoutMs'> {
  readonly kind: ForgeKind;
  /** The forge's root, without a trailing slash. */
  readonly url: string;
  /** `null`: asked as anybody. */
  readonly token: string | null;
  /** Told of every request that came to an end; `status` is 0 where there was no answer. */
  readonly onRequest?: (request: { readonly status: number; readonly ms: number }) => void;
}

const dialects: Readonly<Record<ForgeKind, Dialect>> = {
  forgejo: giteaDialect('Forgejo'),
  gitea: giteaDialect('Gitea'),
  github: githubDialect,
  gitlab: gitlabDialect,
};

const longestRetryAfterSeconds = 86_400;

export function createForge({ kind, url, token, onRequest, ...rest }: ForgeOptions): Forge {
  const dialect = dialects[kind];
  const get = createForgeGet({
    ...rest,
    server: dialect.server,
    url: dialect.apiUrl(url),
    headers: dialect.headers(token),
    ...(onRequest && { onRequest: ({ status, ms }) => onRequest({ status, ms }) }),
  });

  async function ask(repoPath: string, base: string | null, head: string, signal: AbortSignal) {
    if (base === null) return toRange([await dialect.commit(get, repoPath, head, signal)], []);
    const between = (from: string, to: string) => dialect.between(get, repoPath, from, to, signal);
    const added = await between(base, head);
    if (added === null) return null;
    const isAncestor = added.some(({ parents }) => parents.some((parent) => isSame(parent, base)));
    const removed = isAncestor ? [] : await between(head, base);
    if (removed === null) return null;
    // Two different commits cannot both have all of the other's: then it does not know one of them.
    if (added.length === 0 && removed.length === 0) return null;
    if (!areDisjoint(added, removed, base)) {
      throw new Unavailable(
        `${dialect.server} lists commits that it was told to leave out: it may be too old`,
      );
    }
    return toRange(added, removed);
  }

  return {
    async commitsBetween(repoName, base, head, signal) {
      signal.throwIfAborted();
      const repoPath = dialect.repoPath(repoName);
      const [from, to] = [base?.toLowerCase() ?? null, head.toLowerCase()];
      if (repoPath === null || !isCommitId(to) || (from !== null && !isCommitId(from))) return null;
      if (from !== null && isSame(from, to)) return { added: [], removed: [] };
      try {
        return await ask(repoPath, from, to, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Unknown) return null;
        throw toForgeUnavailable(error);
      }
    },
  };
}

/** Whole, or its first seven characters at least. */
function isCommitId(text: string): boolean {
  return /^[0-9a-f]{7,64}$/.test(text);
}

/** Either may be abbreviated. */
function isSame(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a);
}

function areDisjoint(added: readonly LogEntry[], removed: readonly LogEntry[], base: string): boolean {
  const removedIds = new Set(removed.map(({ id }) => id));
  return !added.some(({ id }) => isSame(id, base) || removedIds.has(id));
}

function toRange(added: readonly LogEntry[], removed: readonly LogEntry[]): CommitRange | null {
  const commits: Commit[] = [];
  for (const { id, parents, committedAt } of added) {
    if (committedAt === null) return null;
    commits.push({ id, committedAt, isMerge: parents.length > 1 });
  }
  return { added: commits, removed: removed.map(({ id }) => id) };
}

function toForgeUnavailable(error: unknown): unknown {
  if (error instanceof TokenRefused) {
    return new ForgeUnavailable(error.message, { cause: error, isUnauthorized: true });
  }
  if (!(error instanceof Unavailable)) return error;
  const { message, retryAfterMs } = error;
  const retryAfterSeconds =
    retryAfterMs === null ? null : Math.min(Math.ceil(retryAfterMs / 1000), longestRetryAfterSeconds);
  return new ForgeUnavailable(message, { cause: error, retryAfterSeconds });
}

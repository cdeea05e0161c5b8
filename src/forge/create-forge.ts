/**
 * A forge of any kind, read over its REST API.
 *
 * Requests use the name of a repo. Ids of commits are hashes of their content, so any repo that contains both commits gives
 * the right answer. If the repo does not contain them, a request with the repo's own id shows whether the repo has moved, is
 * gone, or another repo now has its name. A missing repo does not mean that a commit is unknown.
 */

import { Unavailable } from '../util/get-json.ts';
import { recover } from '../util/recover.ts';
import { compare, isSame, type RepoLog } from './compare.ts';
import type { Dialect } from './dialect.ts';
import { type Comparison, type Forge, type ForgeRepo, ForgeUnavailable } from './forge.ts';
import { createForgeGet, type ForgeGet, type ForgeGetOptions, TokenRefused, Unknown } from './forge-get.ts';
import { giteaDialect } from './gitea.ts';
import { githubDialect } from './github.ts';
import { gitlabDialect } from './gitlab.ts';

export const forgeKinds = ['forgejo', 'gitea', 'github', 'gitlab'] as const;
export type ForgeKind = (typeof forgeKinds)[number];

/** The kind of the forge on a well-known host; `null`: the host may have any kind. */
export function kindOfHost(host: string): ForgeKind | null {
  if (/^(?:(?:www|api)\.)?github\.com$|\.ghe\.com$/.test(host)) return 'github';
  if (host === 'gitlab.com') return 'gitlab';
  return host === 'codeberg.org' ? 'forgejo' : null;
}

export interface ForgeOptions extends Pick<ForgeGetOptions, 'fetch' | 'sleep' | 'random' | 'timeoutMs'> {
  readonly kind: ForgeKind;
  /** The forge's root, without a trailing slash. */
  readonly url: string;
  /** `null`: requests are anonymous. */
  readonly token: string | null;
  /** Called after every request that was not aborted; `status` 0: there was no answer. */
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

  return {
    async compare(repo, base, head, signal) {
      signal.throwIfAborted();
      const path = dialect.repoPath(repo.fullName);
      const [from, to] = [base?.toLowerCase() ?? null, head.toLowerCase()];
      if (path === null || !isCommitId(to) || (from !== null && !isCommitId(from))) return nothingKnown;
      if (from !== null && isSame(from, to)) {
        return { commit: longer(from, to), range: { added: [], removed: [] } };
      }
      try {
        return await compareIn({ dialect, get, signal }, { ...repo, path }, from, to);
      } catch (error) {
        signal.throwIfAborted();
        throw toForgeUnavailable(error);
      }
    },
  };
}

const nothingKnown: Comparison = { commit: null, range: null };

interface ForgeRequests {
  readonly dialect: Dialect;
  readonly get: ForgeGet;
  readonly signal: AbortSignal;
}

async function compareIn(
  requests: ForgeRequests,
  repo: ForgeRepo & { readonly path: string },
  base: string | null,
  head: string,
): Promise<Comparison> {
  const { dialect, get, signal } = requests;
  const logOf = (path: string): RepoLog => ({
    server: dialect.server,
    commit: (id) => dialect.commit(get, path, id, signal),
    between: (from, to) => dialect.between(get, path, from, to, signal),
  });
  const compareAt = (path: string): Promise<Comparison> =>
    recover(compare(logOf(path), base, head), Unknown, () => nothingKnown);
  const found = await compareAt(repo.path);
  if (found.commit !== null) return found;
  const moved = await findMoved(requests, repo);
  return moved === null ? nothingKnown : compareAt(moved);
}

/**
 * The path of a repo that has moved; `null`: it has not moved, or its new name cannot be one of this kind of forge. Rejects
 * with `ForgeUnavailable` if the forge does not show the repo.
 */
async function findMoved(
  { dialect, get, signal }: ForgeRequests,
  { fullName, forgeRemoteId, path }: ForgeRepo & { readonly path: string },
): Promise<string | null> {
  const hasId = /^\d{1,18}$/.test(forgeRemoteId ?? '');
  try {
    const name = await dialect.repoName(get, hasId ? dialect.pathOfId(forgeRemoteId ?? '') : path, signal);
    return name.toLowerCase() === fullName.toLowerCase() ? null : dialect.repoPath(name);
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    const id = hasId ? ` (id ${forgeRemoteId})` : '';
    throw new ForgeUnavailable(
      `${dialect.server} shows no repo ${fullName}${id}: it is gone, or DORA_FORGE_TOKEN may not read it`,
      { obstacle: 'repo' },
    );
  }
}

/** Whether a text is a full id of a commit, or at least its first seven characters. */
function isCommitId(text: string): boolean {
  return /^[0-9a-f]{7,64}$/.test(text);
}

function longer(a: string, b: string): string {
  return a.length > b.length ? a : b;
}

/** Makes a `ForgeUnavailable` of a known error. It has no cause, since its message is the same. */
function toForgeUnavailable(error: unknown): unknown {
  if (error instanceof TokenRefused) return new ForgeUnavailable(error.message, { obstacle: 'token' });
  if (!(error instanceof Unavailable)) return error;
  const { message, retryAfterMs } = error;
  const retryAfterSeconds =
    retryAfterMs === null ? null : Math.min(Math.ceil(retryAfterMs / 1000), longestRetryAfterSeconds);
  return new ForgeUnavailable(message, { retryAfterSeconds });
}

/**
 * A forge of any kind, asked over its REST API.
 *
 * A repo is asked for by its name, since ids of commits are hashes of their content: a repo that knows both commits gives
 * the right answer, whichever repo it is. Only if it does not, its own id shows whether the repo has moved, or is gone, or
 * another one has taken its name. A missing repo says nothing about a commit.
 */

import { type PatientGet, Unavailable } from '../util/get-json.ts';
import { compare, isSame, type RepoLog } from './compare.ts';
import type { Dialect } from './dialect.ts';
import { type Comparison, type Forge, type ForgeRepo, ForgeUnavailable } from './forge.ts';
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

  return {
    async compare(repo, base, head, signal) {
      signal.throwIfAborted();
      const path = dialect.repoPath(repo.fullName);
      const [from, to] = [base?.toLowerCase() ?? null, head.toLowerCase()];
      if (path === null || !isCommitId(to) || (from !== null && !isCommitId(from))) return nothing;
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

const nothing: Comparison = { commit: null, range: null };

interface Asking {
  readonly dialect: Dialect;
  readonly get: PatientGet;
  readonly signal: AbortSignal;
}

async function compareIn(
  asking: Asking,
  repo: ForgeRepo & { readonly path: string },
  base: string | null,
  head: string,
): Promise<Comparison> {
  const { dialect, get, signal } = asking;
  const logOf = (path: string): RepoLog => ({
    server: dialect.server,
    commit: (id) => dialect.commit(get, path, id, signal),
    between: (from, to) => dialect.between(get, path, from, to, signal),
  });
  const compareAt = async (path: string): Promise<Comparison> => {
    try {
      return await compare(logOf(path), base, head);
    } catch (error) {
      if (error instanceof Unknown) return nothing;
      throw error;
    }
  };
  const found = await compareAt(repo.path);
  if (found.commit !== null) return found;
  const moved = await findMoved(asking, repo);
  return moved === null ? nothing : compareAt(moved);
}

/** Where the repo is now, if it is not at its path; `null`: it is. Rejects if there is no such repo. */
async function findMoved(
  { dialect, get, signal }: Asking,
  { fullName, forgeRemoteId, path }: ForgeRepo & { readonly path: string },
): Promise<string | null> {
  const hasId = /^\d{1,18}$/.test(forgeRemoteId ?? '');
  try {
    const now = hasId
      ? await dialect.repoById(get, forgeRemoteId ?? '', signal)
      : await dialect.repoAt(get, path, signal);
    return now.fullName.toLowerCase() === fullName.toLowerCase() ? null : dialect.repoPath(now.fullName);
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    const id = hasId ? ` (id ${forgeRemoteId})` : '';
    throw new RepoMissing(
      `${dialect.server} shows no repo ${fullName}${id}: it is gone, or DORA_FORGE_TOKEN may not read it`,
    );
  }
}

class RepoMissing extends Error {
  override name = 'RepoMissing';
}

/** Full, or its first seven characters at least. */
function isCommitId(text: string): boolean {
  return /^[0-9a-f]{7,64}$/.test(text);
}

function longer(a: string, b: string): string {
  return a.length > b.length ? a : b;
}

/** Without a cause, which would say the same again. */
function toForgeUnavailable(error: unknown): unknown {
  if (error instanceof TokenRefused) return new ForgeUnavailable(error.message, { obstacle: 'token' });
  if (error instanceof RepoMissing) return new ForgeUnavailable(error.message, { obstacle: 'repo' });
  if (!(error instanceof Unavailable)) return error;
  const { message, retryAfterMs } = error;
  const retryAfterSeconds =
    retryAfterMs === null ? null : Math.min(Math.ceil(retryAfterMs / 1000), longestRetryAfterSeconds);
  return new ForgeUnavailable(message, { retryAfterSeconds });
}

/**
 * The differences between kinds of forges: the address of the API, the header with the token, and the requests for a repo, a
 * commit, and the commits between two. `between` lists the same commits as `git log base..head`, each once.
 */

import { z } from 'zod';
import { Unavailable } from '../util/get-json.ts';
import type { ForgeGet } from './forge-get.ts';

export interface LogEntry {
  /** Full id. */
  readonly id: string;
  /** Full ids. */
  readonly parents: readonly string[];
  /** The committer's date in Unix seconds; `null`: it is unreadable. */
  readonly committedAt: number | null;
  /** Ids of the commits that this one reverts by its message; they may be abbreviated. */
  readonly reverts: readonly string[];
}

export interface Dialect {
  /** The forge's name in messages. */
  readonly server: string;
  /** The API's root for the root URL of a forge. */
  apiUrl(url: string): string;
  /** Headers of every request; `token` `null`: anonymous. */
  headers(token: string | null): Readonly<Record<string, string>>;
  /** The path of a repo in the API; `null`: no repo of this kind of forge can have the name. */
  repoPath(repoName: string): string | null;
  /** The path of the repo with the forge's own id. */
  pathOfId(id: string): string;
  /** The current name of the repo at a path. Rejects with `Unknown` if there is none, or if the token may not read it. */
  repoName(get: ForgeGet, repoPath: string, signal: AbortSignal): Promise<string>;
  /** The commit of an id, which may be a tag object's. Rejects with `Unknown` if there is none. */
  commit(get: ForgeGet, repoPath: string, id: string, signal: AbortSignal): Promise<LogEntry>;
  /** The commits that are reachable from `head` and not from `base`; `null`: more than `largestRange`. */
  between(
    get: ForgeGet,
    repoPath: string,
    base: string,
    head: string,
    signal: AbortSignal,
  ): Promise<readonly LogEntry[] | null>;
}

/** Most commits that are read of a range. */
const largestRange = 10_000;

export interface Page {
  readonly entries: readonly LogEntry[];
  readonly isLast: boolean;
  /** Number of entries on all pages; `null`: the forge does not send it. */
  readonly total: number | null;
}

/** Reads all pages, counted from 1. `null`: more than `largestRange`. Rejects with `Unavailable` if entries are missing. */
export async function readPages(
  readPage: (page: number) => Promise<Page>,
): Promise<readonly LogEntry[] | null> {
  const entries = new Map<string, LogEntry>();
  for (let number = 1; ; number++) {
    const known = entries.size;
    const page = await readPage(number);
    for (const entry of page.entries) entries.set(entry.id, entry);
    if (Math.max(entries.size, page.total ?? 0) > largestRange) return null;
    // A page without new entries is after the last one, or the server ignores the page number.
    if (!page.isLast && entries.size > known) continue;
    if (entries.size < (page.total ?? 0)) {
      throw new Unavailable(`Forge announced ${page.total} commits and sent ${entries.size}`);
    }
    return [...entries.values()];
  }
}

/** The encoded segments of a repo's name for a path; `null`: a segment is empty or dots, or the text is not well-formed. */
export function pathSegments(repoName: string): readonly string[] | null {
  const segments = repoName.split('/');
  const isFit = repoName.isWellFormed() && !segments.some((segment) => /^\.{0,2}$/.test(segment));
  return isFit ? segments.map(encodeURIComponent) : null;
}

/** `/repos/owner/name`, the path of Forgejo, Gitea and GitHub; `null`: the name has not two segments. */
export function ownerPath(repoName: string): string | null {
  const segments = pathSegments(repoName);
  return segments?.length === 2 ? `/repos/${segments.join('/')}` : null;
}

/** A full id, SHA-1 or SHA-256. */
export const WireCommitId = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

/** Unix seconds of an RFC 3339 date; `null`: the text is no such date, or is before 1970. */
export function parseCommitDate(text: string | null | undefined): number | null {
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$/.test(text ?? '');
  const seconds = isDate ? Math.floor(Date.parse(text ?? '') / 1000) : Number.NaN;
  return seconds >= 0 ? seconds : null;
}

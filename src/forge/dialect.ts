/**
 * What differs from one kind of forge to the next: where its API is, how it takes a token, and how it answers about a repo,
 * a commit, and the commits between two. `between` lists what `git log base..head` would, each commit once.
 */

import { z } from 'zod';
import { type PatientGet, Unavailable } from '../util/get-json.ts';

export interface LogEntry {
  readonly id: string;
  /** Full ids. */
  readonly parents: readonly string[];
  /** The committer's date, Unix seconds; `null` if it cannot be read. */
  readonly committedAt: number | null;
  /** Ids of the commits that its message says it reverts; they may be abbreviated. */
  readonly reverts: readonly string[];
}

export interface FoundRepo {
  /** Its present name. */
  readonly fullName: string;
}

export interface Dialect {
  /** As messages call it. */
  readonly server: string;
  /** Of a forge's root URL. */
  apiUrl(url: string): string;
  headers(token: string | null): Readonly<Record<string, string>>;
  /** What the paths of its API begin with; `null`: no repo of such a forge can have that name. */
  repoPath(repoName: string): string | null;
  /** The repo that answers at a path. Rejects with `Unknown` if there is none, or the token may not read it. */
  repoAt(get: PatientGet, repoPath: string, signal: AbortSignal): Promise<FoundRepo>;
  /** The repo with the forge's own id. Rejects as `repoAt` does. */
  repoById(get: PatientGet, id: string, signal: AbortSignal): Promise<FoundRepo>;
  /** The commit that an id stands for: a tag object's, too. Rejects with `Unknown` if there is none. */
  commit(get: PatientGet, repoPath: string, id: string, signal: AbortSignal): Promise<LogEntry>;
  /** Reachable from `head` and not from `base`; `null`: more than `largestRange`. */
  between(
    get: PatientGet,
    repoPath: string,
    base: string,
    head: string,
    signal: AbortSignal,
  ): Promise<readonly LogEntry[] | null>;
}

/** More commits than this are not read. */
export const largestRange = 10_000;

export interface Page {
  readonly entries: readonly LogEntry[];
  readonly isLast: boolean;
  /** Over all pages; `null` where the forge does not say. */
  readonly total: number | null;
}

/** Pages count from 1. `null`: more than `largestRange`. */
export async function readPages(
  readPage: (page: number) => Promise<Page>,
): Promise<readonly LogEntry[] | null> {
  const entries = new Map<string, LogEntry>();
  for (let number = 1; ; number++) {
    const known = entries.size;
    const page = await readPage(number);
    for (const entry of page.entries) entries.set(entry.id, entry);
    if (Math.max(entries.size, page.total ?? 0) > largestRange) return null;
    // A page without anything new is one past the end, or that of a server which knows no pages.
    if (!page.isLast && entries.size > known) continue;
    if (entries.size < (page.total ?? 0)) {
      throw new Unavailable(`Forge told of ${page.total} commits and showed ${entries.size}`);
    }
    return [...entries.values()];
  }
}

/** The segments of a repo's name, fit for a path; `null` where they are not. */
export function pathSegments(repoName: string): readonly string[] | null {
  const segments = repoName.split('/');
  const isFit = repoName.isWellFormed() && !segments.some((segment) => /^\.{0,2}$/.test(segment));
  return isFit ? segments.map(encodeURIComponent) : null;
}

/** `/repos/owner/name`, as Forgejo, Gitea and GitHub have it. */
export function ownerPath(repoName: string): string | null {
  const segments = pathSegments(repoName);
  return segments?.length === 2 ? `/repos/${segments.join('/')}` : null;
}

/** Full, of SHA-1 or of SHA-256. */
export const WireCommitId = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/);

/** Of an RFC 3339 date; `null` where it is none, or before 1970. */
export function parseCommitDate(text: string | null | undefined): number | null {
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$/.test(text ?? '');
  const seconds = isDate ? Math.floor(Date.parse(text ?? '') / 1000) : Number.NaN;
  return seconds >= 0 ? seconds : null;
}

/**
 * What the service wants to know of a forge: which commits a deployment brings to where another was before, and which it
 * takes away. Refuses to know how any forge is asked.
 */

export interface Commit {
  readonly id: string;
  /** The committer's date, Unix seconds. */
  readonly committedAt: number;
  readonly isMerge: boolean;
}

export interface CommitRange {
  /** Reachable from `head` and not from `base`; each once, in no order to rely on. */
  readonly added: readonly Commit[];
  /** Full ids of those reachable from `base` and not from `head`: what a rollback or a forced push takes away. */
  readonly removed: readonly string[];
}

export interface Forge {
  /**
   * `base` of `null`: there was no deployment before; then only the head commit itself is in `added`.
   *
   * Fulfils with `null` where the forge will never be able to tell: it does not know the repo or a commit, there are more
   * commits than are read, an id is no commit id, or a commit that was added has no date that can be read. Rejects with
   * `ForgeUnavailable` where it is worth to ask again later, or with the signal's reason.
   */
  commitsBetween(
    repoName: string,
    base: string | null,
    head: string,
    signal: AbortSignal,
  ): Promise<CommitRange | null>;
}

export class ForgeUnavailable extends Error {
  override name = 'ForgeUnavailable';
  /** How long the forge asks to be left alone; `null` where it does not say. */
  readonly retryAfterSeconds: number | null;
  /** It refuses the token, or asks for one. */
  readonly isUnauthorized: boolean;

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly retryAfterSeconds?: number | null;
      readonly isUnauthorized?: boolean;
    } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.isUnauthorized = options.isUnauthorized ?? false;
  }
}

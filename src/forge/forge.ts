/**
 * What the service wants to know of a forge: which commits a deployment brings to where another was before, and which it
 * takes away. Refuses to know how any forge is asked.
 */

import type { CommitRange } from '../core/commit-range.ts';

export type { Commit, CommitRange } from '../core/commit-range.ts';

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

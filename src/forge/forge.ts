/**
 * What the service asks a forge: which commit an id stands for, and which commits a deployment adds to the one before it.
 * Refuses to know how any forge is asked.
 */

import type { CommitRange } from '../core/commit-range.ts';

export type { Commit, CommitRange } from '../core/commit-range.ts';

export interface ForgeRepo {
  readonly fullName: string;
  /** The forge's own id of the repo; `null`: unknown. */
  readonly forgeRemoteId: string | null;
}

export interface Comparison {
  /**
   * Full id of the head's commit. The id of a tag object, and an abbreviated one, stand for a commit with another id.
   * `null`: the forge does not know the head.
   */
  readonly commit: string | null;
  /**
   * `null`: the forge will never be able to tell. It does not know a commit, there are more commits than are read, an id
   * is no commit id, or an added commit has no date that can be read.
   */
  readonly range: CommitRange | null;
}

export interface Forge {
  /**
   * `base` of `null`: there was no deployment before; then only the head commit itself is in `added`.
   *
   * Rejects with `ForgeUnavailable` if another try may succeed, or with the signal's reason.
   */
  compare(repo: ForgeRepo, base: string | null, head: string, signal: AbortSignal): Promise<Comparison>;
}

/**
 * `token`: the forge refuses the token, or demands one. `repo`: the forge says that there is no such repo, as it also does
 * to a token without the right to read it. `null`: neither.
 */
export type Obstacle = 'token' | 'repo' | null;

export class ForgeUnavailable extends Error {
  override name = 'ForgeUnavailable';
  /** How long the forge asks for a pause; `null`: it does not say. */
  readonly retryAfterSeconds: number | null;
  readonly obstacle: Obstacle;

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly retryAfterSeconds?: number | null;
      readonly obstacle?: Obstacle;
    } = {},
  ) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.obstacle = options.obstacle ?? null;
  }
}

/**
 * The interface of a forge: the commit of an id, and the commits that a deployment adds to the one before it. Independent of
 * the kind of forge.
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
   * Full id of the head's commit. It differs from the given id if that is a tag object's, or abbreviated. `null`: the forge
   * does not know the head.
   */
  readonly commit: string | null;
  /**
   * `null`: the range is unknown, and another try would not change that. The forge does not know a commit, the range has too
   * many commits, an id is no commit id, or the date of an added commit is unreadable.
   */
  readonly range: CommitRange | null;
}

export interface Forge {
  /**
   * Compares the commits of two successive deployments. `base` `null`: there was no deployment before; `added` is then the
   * head commit alone.
   *
   * Rejects with `ForgeUnavailable` if another try may succeed, or with the signal's reason.
   */
  compare(repo: ForgeRepo, base: string | null, head: string, signal: AbortSignal): Promise<Comparison>;
}

/**
 * `token`: the forge refuses the token, or demands one. `repo`: the forge does not show the repo; it is gone, or the token
 * may not read it. `null`: another reason.
 */
export type Obstacle = 'token' | 'repo' | null;

/** The forge gave no usable answer, or refuses the token or the repo. */
export class ForgeUnavailable extends Error {
  override name = 'ForgeUnavailable';
  /** Length of the pause that the forge demands, in seconds; `null`: it demands none. */
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

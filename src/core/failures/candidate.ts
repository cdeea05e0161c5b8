/** What a search for failures needs to know of a deployment. */

import type { Outcome } from '../deployment.ts';

/** All times are Unix seconds. */
export interface Candidate {
  readonly number: number;
  /** The deployment's finish. */
  readonly at: number;
  /** `null`: unknown. */
  readonly startedAt: number | null;
  /** How the pipeline, or its part, ended. Causes and marks do not change it. */
  readonly outcome: Outcome;
  /** Empty: unknown. */
  readonly commit: string;
  /** `null`: unknown. */
  readonly event: string | null;
  readonly branch: string | null;
  readonly ref: string | null;
  /** Whether it repeats an earlier pipeline. */
  readonly isRestart: boolean;
  /** Commits that its messages say they revert: lower-case hexadecimal, at least seven digits. */
  readonly reverts: readonly string[];
  /** Every commit that it brought first, as far as the forge reported them; lower case. */
  readonly brings: readonly string[];
  /** Whether the policy's rework rules match it. */
  readonly isReworkByRule: boolean;
  /** What an operator said of it; `null`: nothing. */
  readonly mark: Mark | null;
}

/** `failed`: an operator saw it fail. `fine`: nothing but its pipeline may show it as failed. */
export type Mark =
  | { readonly kind: 'failed'; readonly recoveredAt: number | null }
  | { readonly kind: 'fine' };

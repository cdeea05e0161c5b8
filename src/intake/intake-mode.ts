/** How observations are taken in: what of the settings decides what they come to. */

import type { FigureRules } from '../core/figures/figure.ts';
import type { Policy } from '../core/policy.ts';

export interface IntakeMode {
  readonly policy: Policy;
  /** Whether Woodpecker can be asked: repos are then shown from their first complete backfill on, and ends followed. */
  readonly canAsk: boolean;
  /** Whether a forge is asked which commits deployments bring. */
  readonly asksForge?: boolean;
  /** Tells the forge and who asks it from any other: what one could not tell, another may. */
  readonly forgeIdentity?: string;
  /** How much is held at most, whoever posts it; no end by default. */
  readonly limits?: Limits;
}

export interface Limits {
  /** Pairs of repo and tier. */
  readonly pairs: number;
  /** Pipelines that were hinted at and not asked for yet. */
  readonly hints: number;
}

export const noLimits: Limits = { pairs: Number.POSITIVE_INFINITY, hints: Number.POSITIVE_INFINITY };

/** How figures read deployments under `mode`. */
export function rulesOf({ policy, asksForge = false }: IntakeMode): FigureRules {
  return { asksForge, leadTimeFallback: policy.leadTime.fallback };
}

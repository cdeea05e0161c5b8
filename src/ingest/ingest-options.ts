/** How observations are taken in: what of the settings decides what they come to. */

import { createHash } from 'node:crypto';
import type { Config } from '../config/environment.ts';
import type { FigureRules } from '../core/figures/figure.ts';
import { failureRulesOf, type Policy } from '../core/policy.ts';

/** Many times what a busy server has under way; each costs some hundred bytes. */
const mostHints = 10_000;

export interface IntakeMode {
  readonly policy: Policy;
  /** Whether Woodpecker can be asked: repos are then shown from their first complete backfill on, and ends followed. */
  readonly canAsk: boolean;
  /** Whether a forge is asked which commits deployments bring. */
  readonly asksForge?: boolean;
  /** Tells the forge and who asks it from any other: what one could not tell, another may. */
  readonly forgeIdentity?: string;
  /** How long titles of incidents are kept; `null`, as by default: for ever. */
  readonly historySeconds?: number | null;
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

/** How figures read the deployments to a tier under `mode`. */
export function rulesOf({ policy, asksForge = false }: IntakeMode, tier: string): FigureRules {
  return { asksForge, leadTimeFallback: policy.leadTime.fallback, failures: failureRulesOf(policy, tier) };
}

/** Whether a deployment needs the creation of its commit's first pipeline. */
export function needsFirstSeen({ policy }: IntakeMode): boolean {
  return policy.leadTime.fallback === 'created';
}

/** How what is given says that observations are taken in, and read. */
export function intakeModeOf(config: Config, policy: Policy): IntakeMode {
  const { woodpecker, forge, maxPairs, backfillHistorySeconds } = config;
  return {
    policy,
    canAsk: woodpecker !== null,
    asksForge: forge !== null,
    ...(forge && { forgeIdentity: identityOf(forge) }),
    historySeconds: backfillHistorySeconds,
    limits: { pairs: maxPairs, hints: mostHints },
  };
}

/** A hash, since what it is stored with must not tell the token. */
function identityOf({ kind, url, token }: NonNullable<Config['forge']>): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, url, token]))
    .digest('hex');
}

/** The settings on which the processing of observations depends. */

import { createHash } from 'node:crypto';
import type { Config } from '../config/environment.ts';
import type { FigureRules } from '../core/figures/figure.ts';
import { failureRulesOf, type Policy } from '../core/policy.ts';

/** Many times the number of pipelines that run on a busy server; each costs some hundred bytes. */
const mostHints = 10_000;

export interface IntakeMode {
  readonly policy: Policy;
  /** Whether there is a Woodpecker to ask: repos are then shown from their first complete backfill on, and polled. */
  readonly canAsk: boolean;
  /** Whether a forge is configured, to ask for the commits of deployments. */
  readonly asksForge?: boolean;
  /** Identifies the forge, its address and its token: another one may know commits that this one does not. */
  readonly forgeIdentity?: string;
  /** How long titles of incidents are kept, in seconds; `null`, the default: for ever. */
  readonly historySeconds?: number | null;
  /** Limits on stored items, whatever their source; none by default. */
  readonly limits?: Limits;
}

export interface Limits {
  /** Pairs of repo and tier. */
  readonly pairs: number;
  /** Follows; beyond this number, a hint makes no further one. */
  readonly hints: number;
}

export const noLimits: Limits = { pairs: Number.POSITIVE_INFINITY, hints: Number.POSITIVE_INFINITY };

/** The rules of the figures for a tier under `mode`. */
export function rulesOf({ policy, asksForge = false }: IntakeMode, tier: string): FigureRules {
  return { asksForge, leadTimeFallback: policy.leadTime.fallback, failures: failureRulesOf(policy, tier) };
}

/** Whether a deployment needs the creation of its commit's first pipeline. */
export function needsFirstSeen({ policy }: IntakeMode): boolean {
  return policy.leadTime.fallback === 'created';
}

/** The mode that follows from the settings and the policy. */
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

/** A hash, since the store must not contain the token. */
function identityOf({ kind, url, token }: NonNullable<Config['forge']>): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, url, token]))
    .digest('hex');
}

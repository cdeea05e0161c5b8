/** The active policy: the one under which the stored pipelines were last classified. */

import { classificationVersion } from '../core/classification.ts';
import { patternProblem } from '../core/message-patterns.ts';
import type { Policy } from '../core/policy.ts';
import type { Transaction } from '../store/store.ts';

const key = 'policy';

/**
 * Identifies the parts of a policy, and the version of the code, that decide how a pipeline counts and if it failed.
 */
export function policyFingerprint({ tiers, defaultTier, deployments, rework, failures }: Policy): string {
  return JSON.stringify([classificationVersion, tiers, defaultTier, deployments, rework, failures]);
}

/** The fingerprint of the active policy; `null`: the store is new. */
export function storedFingerprint(tx: Transaction): Promise<string | null> {
  return tx.meta.get(key);
}

export function putFingerprint(tx: Transaction, policy: Policy): Promise<void> {
  return tx.meta.put(key, policyFingerprint(policy));
}

/**
 * The active policy. The configured policy gives the parts that are not in the fingerprint. Patterns that only an
 * earlier version of the exporter accepted are left out.
 */
export function activePolicy(fingerprint: string, configured: Policy): Policy {
  const [, tiers, defaultTier, deployments, rework, failures = configured.failures] = JSON.parse(
    fingerprint,
  ) as [
    version: number,
    tiers: Policy['tiers'],
    defaultTier: Policy['defaultTier'],
    deployments: Policy['deployments'],
    rework: Policy['rework'],
    failures?: Policy['failures'],
  ];
  const message = rework.message.filter((pattern) => patternProblem(pattern) === null);
  return { ...configured, tiers, defaultTier, deployments, failures, rework: { ...rework, message } };
}

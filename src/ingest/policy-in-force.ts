/** Which policy the stored pipelines were last classified under. */

import { classificationVersion } from '../core/classification.ts';
import { patternProblem } from '../core/message-patterns.ts';
import type { Policy } from '../core/policy.ts';
import type { Transaction } from '../store/store.ts';

const key = 'policy';

/** The part of a policy, and of how it is applied, that decides what a stored pipeline is, and whether it has failed. */
export function policyFingerprint({ tiers, defaultTier, deployments, rework, failures }: Policy): string {
  return JSON.stringify([classificationVersion, tiers, defaultTier, deployments, rework, failures]);
}

/** The fingerprint of the policy in force; `null`: the store is new. */
export function storedFingerprint(tx: Transaction): Promise<string | null> {
  return tx.meta.get(key);
}

export function putFingerprint(tx: Transaction, policy: Policy): Promise<void> {
  return tx.meta.put(key, policyFingerprint(policy));
}

/**
 * The policy in force; what does not decide about stored pipelines comes from the configured one. Patterns that only an
 * earlier version of the exporter could read are left out.
 */
export function policyInForce(fingerprint: string, configured: Policy): Policy {
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

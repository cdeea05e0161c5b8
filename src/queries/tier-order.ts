/** The order of tiers on pages. */

import { compareText } from '../core/compare-text.ts';
import type { Policy } from '../core/policy.ts';

/** Production first, then the order of the policy's rules, the default tier last. */
export function inPolicyOrder(tiers: readonly string[], policy: Pick<Policy, 'tiers'>): readonly string[] {
  const named = policy.tiers.map(({ tier }) => tier);
  const rankOf = (tier: string) => {
    if (/^prod/i.test(tier)) return -1;
    return named.includes(tier) ? named.indexOf(tier) : named.length;
  };
  return tiers.toSorted((a, b) => rankOf(a) - rankOf(b) || compareText(a, b));
}

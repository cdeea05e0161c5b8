import { policyFingerprint } from '../../src/ingest/active-policy.ts';
import type { TierChange } from '../../src/ingest/adopt-policy.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import { openState } from '../../src/ingest/load-state.ts';
import type { Store } from '../../src/store/store.ts';
import { createFakeClock } from './fake-clock.ts';

/** Opens the state, and adopts the policy of `mode` before it returns. `now` in Unix seconds. */
export async function loadState(store: Store, mode: IntakeMode, now: number) {
  const { state, mode: active, isBehind } = await openState(store, mode, now);
  if (!isBehind) return { state, policyChange: null };
  const ingest = createIngest({ store, state, mode: active, clock: createFakeClock(now) });
  const tiers: readonly TierChange[] = await ingest.adopt(mode);
  const hasChanged = policyFingerprint(active.policy) !== policyFingerprint(mode.policy);
  return { state, policyChange: hasChanged ? tiers : null };
}

/** From store to state at start. */

import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import type { Policy } from '../core/policy.ts';
import { ledgerMetrics } from '../core/series/ledger.ts';
import { createState, type State, type StateChange } from '../core/series/state.ts';
import type { Store, Transaction } from '../store/store.ts';
import { adoptPolicy, type TierChange } from './adopt-policy.ts';
import type { IntakeMode } from './ingest-options.ts';
import { policyFingerprint, policyInForce, putFingerprint, storedFingerprint } from './policy-in-force.ts';
import { readBasics, readTimelines } from './read-state.ts';
import { createTouchedPipelines } from './touched-pipelines.ts';
import { createUnitOfWork } from './unit-of-work.ts';

export interface Opened {
  readonly state: State;
  /** As the store was left: with the policy that was in force then. */
  readonly mode: IntakeMode;
  /** Whether the configured policy is still to be adopted. */
  readonly isBehind: boolean;
}

export interface Loaded {
  readonly state: State;
  /** Deployments per tier before and after, if the policy has changed. */
  readonly policyChange: readonly TierChange[] | null;
}

const ledgerKey = 'ledger';
const forgeKey = 'forge';

/** The state as the store was left. `now` in Unix seconds. Rejects with `StoreUnavailable`. */
export async function openState(store: Store, configured: IntakeMode, now: number): Promise<Opened> {
  return store.transact(async (tx) => {
    const fingerprint = await storedFingerprint(tx);
    if (fingerprint === null) await putFingerprint(tx, configured.policy);
    const policy = fingerprint === null ? configured.policy : policyInForce(fingerprint, configured.policy);
    const mode = { ...configured, policy };
    const state = createState();
    state.apply(await readBasics(tx, mode));

    const ledger = await tx.meta.get(ledgerKey);
    if (ledger !== ledgerFingerprint) {
      // Entries that are new to the ledger begin at their exact totals, but for lead times, which a forge that is only now
      // asked reports bit by bit. Before another policy: what that one finds adds nothing.
      if (mode.asksForge) await tx.pipelines.creditAll(leadTimeBit);
      const uow = createUnitOfWork(tx, state, mode, now);
      uow.rebuildAll(new Set(ledger === null ? [] : JSON.parse(ledger)));
      state.apply({ ...(await uow.finish()), timelines: new Map() });
      await tx.meta.put(ledgerKey, ledgerFingerprint);
    }
    const { forgeIdentity } = mode;
    if (forgeIdentity !== undefined && (await tx.meta.get(forgeKey)) !== forgeIdentity) {
      await tx.pipelines.dropUnknownChanges();
      await tx.meta.put(forgeKey, forgeIdentity);
    }
    const uow = createUnitOfWork(tx, state, mode, now);
    await uow.incidents.catchUp();
    await uow.dropOldReasons();
    state.apply({ ...(await uow.finish()), timelines: new Map() });
    state.apply({ timelines: await readTimelines(tx, state, mode, now) });
    state.apply(await judgeReported(tx, state, mode, now));
    if (!mode.canAsk) state.apply(await releaseAll(tx, state, mode, now));

    const isAnother = fingerprint !== null && fingerprint !== policyFingerprint(configured.policy);
    // What there was no room for may find some now.
    return { state, mode, isBehind: isAnother || state.tally.ignored('limit') > 0 };
  });
}

/** The same, with the configured policy adopted before anything else can come in. */
export async function loadState(store: Store, mode: IntakeMode, now: number): Promise<Loaded> {
  const { state, mode: inForce, isBehind } = await openState(store, mode, now);
  if (!isBehind) return { state, policyChange: null };
  const tiers = await adoptPolicy(
    {
      state,
      touched: createTouchedPipelines(),
      transact: (work) => store.transact(work),
      conclude: async (_, work) => state.apply(await store.transact(work)),
      now: () => now,
    },
    mode,
  );
  const hasChanged = policyFingerprint(inForce.policy) !== policyFingerprint(mode.policy);
  return { state, policyChange: hasChanged ? tiers : null };
}

/** Whether the store is as `loadState` would leave it under this policy. */
export async function isUpToDate(tx: Transaction, policy: Policy): Promise<boolean> {
  const ledger = await tx.meta.get(ledgerKey);
  return (await storedFingerprint(tx)) === policyFingerprint(policy) && ledger === ledgerFingerprint;
}

/** Who deployed last, and so has the incidents of a name, is known only now; and time may have shown more since the last stop. */
async function judgeReported(
  tx: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): Promise<StateChange> {
  const uow = createUnitOfWork(tx, state, mode, now);
  uow.judgeReported('credited');
  return uow.finish();
}

/** Releases everything: without a Woodpecker to ask, no scan will end that holds it back. */
async function releaseAll(
  tx: Transaction,
  state: State,
  mode: IntakeMode,
  now: number,
): Promise<StateChange> {
  const uow = createUnitOfWork(tx, state, mode, now);
  for (const repo of state.repos.values()) await uow.release(repo.key);
  return uow.finish();
}

/** Which entries the ledger has. */
const ledgerFingerprint = JSON.stringify([...new Set(ledgerMetrics.map(({ name }) => name))]);

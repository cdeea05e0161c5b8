/** Builds the state from the store at start. */

import { leadTimeBit } from '../core/figures/change-lead-time.ts';
import type { Policy } from '../core/policy.ts';
import { ledgerMetrics } from '../core/series/ledger.ts';
import { createState, type State, type StateChange } from '../core/series/state.ts';
import type { Store, Transaction } from '../store/store.ts';
import { activePolicy, policyFingerprint, putFingerprint, storedFingerprint } from './active-policy.ts';
import type { IntakeMode } from './ingest-options.ts';
import { judgeReported } from './judge-reported.ts';
import { readBasics, readTimelines } from './read-state.ts';
import { dropOldTexts } from './requests/upkeep.ts';
import { createUnitOfWork, type UnitOfWork } from './unit-of-work.ts';

export interface Opened {
  readonly state: State;
  /** With the policy that the store was last written under. */
  readonly mode: IntakeMode;
  /** Whether the configured policy must still be adopted. */
  readonly isBehind: boolean;
}

const ledgerKey = 'ledger';
const forgeKey = 'forge';

/**
 * The state under the policy that the store was last written under. `now` in Unix seconds. Rejects with
 * `StoreUnavailable`.
 */
export async function openState(store: Store, configured: IntakeMode, now: number): Promise<Opened> {
  return store.transact(async (tx) => {
    const fingerprint = await storedFingerprint(tx);
    if (fingerprint === null) await putFingerprint(tx, configured.policy);
    const policy = fingerprint === null ? configured.policy : activePolicy(fingerprint, configured.policy);
    const mode = { ...configured, policy };
    const state = createState();
    state.apply(await readBasics(tx, mode));
    const changeBy = async (work: (uow: UnitOfWork) => void | Promise<void>): Promise<StateChange> => {
      const uow = createUnitOfWork(tx, state, mode, now);
      await work(uow);
      return uow.finish();
    };

    const ledger = await tx.meta.get(ledgerKey);
    if (ledger !== ledgerFingerprint) {
      // New entries of the ledger begin at their exact totals. With a forge, lead times do not: its answers arrive later,
      // one by one, and rates would show a burst. This precedes a new policy: stored rows add nothing under that.
      if (mode.asksForge) await tx.pipelines.creditAll(leadTimeBit);
      const known = new Set<string>(ledger === null ? [] : JSON.parse(ledger));
      state.apply({ ...(await changeBy((uow) => rebuildAll(uow, known))), timelines: new Map() });
      await tx.meta.put(ledgerKey, ledgerFingerprint);
    }
    const { forgeIdentity } = mode;
    if (forgeIdentity !== undefined && (await tx.meta.get(forgeKey)) !== forgeIdentity) {
      await tx.pipelines.dropUnknownChanges();
      await tx.meta.put(forgeKey, forgeIdentity);
    }
    state.apply({ ...(await changeBy(dropOldTexts)), timelines: new Map() });
    state.apply({ timelines: await readTimelines(tx, state, mode, now) });
    // Only now is it known which repo of a name deployed last and so owns its incidents; and time may have changed
    // verdicts since the last stop.
    state.apply(await changeBy((uow) => judgeReported(uow, 'credited')));
    if (!mode.canAsk) state.apply(await changeBy(releaseAll));

    const isAnother = fingerprint !== null && fingerprint !== policyFingerprint(configured.policy);
    // Pipelines that a limit has turned away may fit now.
    return { state, mode, isBehind: isAnother || state.tally.ignored('limit') > 0 };
  });
}

/** Whether the store was last written under this policy, by a version with the same metrics. */
export async function isUpToDate(tx: Transaction, policy: Policy): Promise<boolean> {
  const ledger = await tx.meta.get(ledgerKey);
  return (await storedFingerprint(tx)) === policyFingerprint(policy) && ledger === ledgerFingerprint;
}

/** Rebuilds all series from the store. Only metrics that are not in `known` (names) add to the ledger. */
function rebuildAll({ state, pairs, series }: UnitOfWork, known: ReadonlySet<string>): void {
  for (const { key } of state.repos.values()) {
    for (const tier of pairs.tiersOf(key)) {
      series.rebuild(key, tier);
      series.settle(key, tier, known);
    }
  }
}

/** Releases all pending pipelines: without a Woodpecker, no scan will ever end and release them. */
async function releaseAll({ state, pipelines }: UnitOfWork): Promise<void> {
  for (const repo of state.repos.values()) await pipelines.release(repo.key);
}

/** Names of the ledger's metrics. */
const ledgerFingerprint = JSON.stringify([...new Set(ledgerMetrics.map(({ name }) => name))]);

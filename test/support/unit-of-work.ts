/** Changes a store and its state in a way that no request does. */

import type { Ingest } from '../../src/ingest/ingest.ts';
import { createUnitOfWork, type UnitOfWork } from '../../src/ingest/unit-of-work.ts';
import type { Store } from '../../src/store/store.ts';
import { type Clock, nowSeconds } from '../../src/util/clock.ts';

interface Parts {
  readonly store: Store;
  readonly ingest: Ingest;
  readonly clock: Clock;
}

/** Runs `work` in a transaction of its own, after all submitted requests. */
export async function inUnitOfWork(
  { store, ingest, clock }: Parts,
  work: (uow: UnitOfWork) => Promise<void>,
): Promise<void> {
  const { state, mode } = ingest;
  await ingest.idle();
  const change = await store.transact(async (tx) => {
    const uow = createUnitOfWork(tx, state, mode, nowSeconds(clock));
    await work(uow);
    return uow.finish();
  });
  state.apply(change);
}

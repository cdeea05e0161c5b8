/**
 * A store with ingest, for laws: it plays deliveries, can restart at any time, and returns the state as an observer sees it.
 */

import type { CommitSet } from '../../src/core/commit-set.ts';
import type { Fold } from '../../src/core/figures/fold.ts';
import type { State } from '../../src/core/series/state.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import type { IntakeMode } from '../../src/ingest/ingest-options.ts';
import type { UnitOfWork } from '../../src/ingest/unit-of-work.ts';
import { openMemoryStore, openSqliteStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { deliver, deliverPage, endFirstScan, endLaterScan } from './deliver.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { nameGauges } from './gauges.ts';
import { type Delivery, firstReceipt } from './histories.ts';
import { openIngest } from './open-ingest.ts';
import type { ExpectedSeries } from './oracle.ts';
import { project } from './projected.ts';
import { inUnitOfWork } from './unit-of-work.ts';

/** A store that can be closed and opened again. */
export interface StoreHost {
  open(): Store;
  /** Closes and opens the store again, as a restart does. */
  reopen(store: Store): Promise<Store>;
}

/** A store that stays open over restarts: only the data that is loaded from it matters. */
export function createMemoryHost(): StoreHost {
  return { open: openMemoryStore, reopen: async (store) => store };
}

export function createSqliteHost(path: string): StoreHost {
  return {
    open: () => openSqliteStore(path),
    async reopen(store) {
      await store.close();
      return openSqliteStore(path);
    },
  };
}

export interface World {
  readonly clock: FakeClock;
  readonly ingest: Ingest;
  readonly state: State;
  /** Restarts; with `policy`, under another one. */
  restart(mode?: IntakeMode): Promise<void>;
  /** Plays deliveries. Calls `onCommit` after each commit and restart. */
  play(deliveries: readonly Delivery[], onCommit?: (state: State, delivery: Delivery) => void): Promise<void>;
  /** Completes the scan of a repo. The first one also sets its horizon, and the repo is known from then on. */
  release(woodpeckerId: number, horizon: number | null): Promise<void>;
  /** Changes store and state in a way that no request does. */
  inUnitOfWork(work: (uow: UnitOfWork) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly mode: IntakeMode;
  readonly host?: StoreHost;
  /** Unix seconds. A repo gets this horizon at its first complete scan. */
  readonly horizon?: number | null;
  /** Start time of the clock, in Unix seconds. */
  readonly startsAt?: number;
}

export async function createWorld({
  mode,
  host = createMemoryHost(),
  horizon = null,
  startsAt = firstReceipt,
}: WorldOptions): Promise<World> {
  const clock = createFakeClock(startsAt);
  let store = host.open();
  let present = mode;
  const start = () => openIngest({ store, mode: present, clock });
  let ingest = await start();

  const world: World = {
    clock,
    get ingest() {
      return ingest;
    },
    get state() {
      return ingest.state;
    },
    async restart(nextMode = present) {
      await ingest.idle();
      store = await host.reopen(store);
      present = nextMode;
      ingest = await start();
    },
    async play(deliveries, onCommit) {
      let together: Promise<unknown>[] = [];
      const settleAll = async (): Promise<void> => {
        await Promise.all(together);
        together = [];
      };
      for (const delivery of deliveries) {
        const { facts, record, origin, next, pauseSeconds } = delivery;
        together.push(
          origin === 'live' ? deliver(ingest, facts, record) : deliverPage(ingest, facts, [record]),
        );
        if (next === 'join') continue;
        await settleAll();
        onCommit?.(ingest.state, delivery);
        clock.advance(pauseSeconds);
        if (next === 'restart') await world.restart();
        if (next === 'release') await world.release(facts.woodpeckerId, horizon);
        if (next !== 'commit') onCommit?.(ingest.state, delivery);
      }
      await settleAll();
    },
    async release(woodpeckerId, fixedHorizon) {
      const isFirst = ingest.state.repoById(woodpeckerId)?.revealed === false;
      if (isFirst && fixedHorizon !== null) {
        await endFirstScan(ingest, { woodpeckerId }, { horizon: fixedHorizon });
      } else {
        await endLaterScan(ingest, woodpeckerId);
      }
    },
    inUnitOfWork: (work) => inUnitOfWork({ store, ingest, clock }, work),
    async close() {
      await ingest.idle();
      await store.close();
    },
  };
  return world;
}

/** All shown series, in the oracle's terms. */
export function seriesOf(state: State): Record<string, ExpectedSeries> {
  return Object.fromEntries(
    project(state).map(({ repo, tier, gauges, totals }) => {
      const { counts = [], sum = 0 } = totals.histograms['dora_deployment_duration_seconds'] ?? {};
      return [
        `${repo.toLowerCase()} ${tier}`,
        {
          ...nameGauges(gauges),
          deployments: totals.counters['dora_deployments_total'] ?? 0,
          failures: totals.counters['dora_deployment_failures_total'] ?? 0,
          durations: { count: counts.reduce((total, count) => total + count, 0), sum },
        },
      ];
    }),
  );
}

/** The part of a series that does not depend on the order of the observations. */
export function exactPart(series: Record<string, ExpectedSeries>): Record<string, Partial<ExpectedSeries>> {
  return Object.fromEntries(
    Object.entries(series).map(([key, { lastSuccess, lastFailure, failingSince }]) => [
      key,
      { lastSuccess, lastFailure, failingSince },
    ]),
  );
}

/** A whole state as plain values in a fixed order. Timelines begin after `cutoff`, in Unix seconds. */
export function snapshotOf(state: State, cutoff: number): unknown {
  const sortedEntries = <V>(map: ReadonlyMap<string | number, V>) =>
    [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return {
    repos: sortedEntries(state.repos),
    pairs: sortedEntries(state.pairs),
    timelines: sortedEntries(state.timelines).map(([key, timeline]) => {
      // The end of the base depends on the time of the cut; the figures do not.
      const { recent, episodes, current } = timeline;
      const since = (at: number) => at > cutoff;
      return [
        key,
        {
          recent: recent.filter(({ at }) => since(at)),
          episodes: episodes.filter(({ end }) => end === null || since(end)),
          current: plainFold(current),
        },
      ];
    }),
    follows: sortedEntries(state.follows),
    events: state.tally.events().toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

/** The commits in a set. Its shared table may contain more, in another order. */
function plainFold({ ground, states }: Fold): unknown {
  const isSet = (value: unknown): value is CommitSet =>
    typeof value === 'object' && value !== null && 'table' in value && 'size' in value;
  const plain = (value: unknown) =>
    isSet(value) ? [...value.table.keys.subarray(0, value.size)].sort((a, b) => a - b) : value;
  const plainState = (state: unknown) =>
    typeof state === 'object' && state !== null
      ? Object.fromEntries(Object.entries(state).map(([name, value]) => [name, plain(value)]))
      : state;
  return { ground, states: states.map(plainState) };
}

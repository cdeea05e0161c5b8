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
import { endFirstScan, endLaterScan } from './deliver.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { nameGauges } from './gauges.ts';
import { openIngest } from './open-ingest.ts';
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
  /** Restarts, in the active mode by default. */
  restart(mode?: IntakeMode): Promise<void>;
  /** Completes the scan of a repo. The first one also sets its horizon, and the repo is known from then on. */
  release(woodpeckerId: number, horizon: number | null): Promise<void>;
  /** Changes store and state in a way that no request does. */
  inUnitOfWork(work: (uow: UnitOfWork) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly mode: IntakeMode;
  readonly host?: StoreHost;
  /** Start time of the clock, in Unix seconds. */
  readonly startsAt?: number;
}

export async function createWorld({
  mode,
  host = createMemoryHost(),
  startsAt = 1_717_280_000,
}: WorldOptions): Promise<World> {
  const clock = createFakeClock(startsAt);
  let store = host.open();
  const start = (present: IntakeMode) => openIngest({ store, mode: present, clock });
  let ingest = await start(mode);

  const world: World = {
    clock,
    get ingest() {
      return ingest;
    },
    get state() {
      return ingest.state;
    },
    async restart(nextMode = ingest.mode) {
      await ingest.idle();
      store = await host.reopen(store);
      ingest = await start(nextMode);
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

/** Gauges and counts of all shown series. */
export function seriesOf(state: State) {
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

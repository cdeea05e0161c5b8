/**
 * The service without its process: store, ingest and the sources that read from a fake Woodpecker, connected as
 * `service.ts` connects them. `restart` drops all parts but the store, and makes new ones.
 */

import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts';
import { loadState } from '../../src/ingest/load-state.ts';
import { type BackfillRunner, createBackfill } from '../../src/sources/backfill.ts';
import { createScans } from '../../src/sources/one-scan-per-repo.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { createWoodpeckerClient, type WoodpeckerClient } from '../../src/woodpecker/client.ts';
import type { FakeWoodpecker } from './fake-woodpecker.ts';
import { withOnlyValues } from './only-values.ts';
import { projectPair, type ShownPair } from './projected.ts';

export interface Harness {
  readonly store: Store;
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  readonly backfill: BackfillRunner;
  readonly lines: readonly string[];
  /** The shown counters and gauges of a repo, by the distinguishing part of their names. */
  shown(repo: string, tier?: string): ShownPair | null;
  abort(): void;
  restart(): Promise<Harness>;
}

export interface HarnessOptions {
  readonly woodpecker: FakeWoodpecker;
  readonly clock?: Clock;
  readonly policy?: Policy;
  readonly historySeconds?: number | null;
  readonly store?: Store;
  readonly token?: string;
}

export async function createHarness(options: HarnessOptions): Promise<Harness> {
  const {
    woodpecker,
    clock = systemClock,
    policy = defaultPolicy,
    historySeconds = 120 * 86_400,
    store = openMemoryStore(),
    token = woodpecker.userToken,
  } = options;
  const aborter = new AbortController();
  const lines: string[] = [];
  const log = createLog('debug', (line) => lines.push(line));
  const mode = { policy, canAsk: true };
  const { state } = await loadState(store, mode, Math.floor(clock.now() / 1000));
  const ingest = withOnlyValues(createIngest({ store, state, mode, clock }));
  const client = createWoodpeckerClient({
    url: woodpecker.url,
    token,
    sleep: (_ms, signal) => clock.sleep(1, signal),
    timeoutMs: 2_000,
  });
  const scans = createScans({ ingest, client, clock, onEvent: () => undefined }, { historySeconds });
  const { signal } = aborter;
  const backfill = createBackfill({ ingest, client, scans, clock, log, historySeconds, signal });
  return {
    store,
    ingest,
    client,
    backfill,
    lines,
    shown: (repo, tier) => projectPair(state, repo, tier),
    abort: () => aborter.abort(new Error('Harness was aborted')),
    async restart() {
      aborter.abort(new Error('Harness was restarted'));
      await ingest.idle();
      return createHarness({ ...options, store });
    },
  };
}

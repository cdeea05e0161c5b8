/**
 * Store, ingest and the sources that read from a fake Woodpecker, connected by the service's own code. Nothing runs before
 * a test asks for it. Ends with the test.
 */

import { onTestFinished } from 'vitest';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import type { Repo } from '../../src/core/repo.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import {
  type ConnectedSources,
  connectWoodpeckerSources,
  type SourceLoop,
  type WoodpeckerSourcesOptions,
} from '../../src/sources/start.ts';
import { createWebhook, type Webhook } from '../../src/sources/webhook.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { type Clock, systemClock } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import type { FakeWoodpecker } from './fake-woodpecker.ts';
import { openIngest } from './open-ingest.ts';
import { projectPair, type ShownPair } from './projected.ts';

export interface Harness extends Pick<ConnectedSources, 'client' | 'backfill' | 'reconciliation' | 'stream'> {
  readonly store: Store;
  readonly ingest: Ingest;
  readonly webhook: Webhook;
  /** Aborted by `abort` and `stop`. */
  readonly signal: AbortSignal;
  /** Level and text of each line of the log, from `info` on. */
  readonly lines: readonly string[];
  /** Number of events, by `source result`. */
  readonly events: Map<string, number>;
  readonly isConnected: boolean;
  /** Number of lost connections. */
  readonly losses: number;
  readonly rounds: number;
  /** Number of unreadable rows. */
  readonly unreadableRows: number;
  /** Starts these loops, each until `stop`. The background loop syncs new repos. */
  run(...loops: readonly SourceLoop[]): void;
  /** Runs one round of reconciliation. Call it if the loop of reconciliation does not run. */
  round(): Promise<void>;
  repo(fullName: string): Repo | undefined;
  /** The shown counters and gauges of a repo, by the distinguishing part of their names. */
  shown(repo: string, tier?: string): ShownPair | null;
  abort(): void;
  /** Aborts, and waits until all has ended. */
  stop(): Promise<void>;
  /** Drops all parts but the store, and makes new ones. */
  restart(): Promise<Harness>;
}

export interface HarnessOptions {
  readonly woodpecker: FakeWoodpecker;
  readonly clock?: Clock;
  readonly policy?: Policy;
  readonly historySeconds?: number | null;
  readonly intervalSeconds?: number;
  readonly store?: Store;
  readonly token?: string;
  readonly connection?: WoodpeckerSourcesOptions['connection'];
}

export async function createHarness(options: HarnessOptions): Promise<Harness> {
  const { woodpecker, clock = systemClock, policy = defaultPolicy, store = openMemoryStore() } = options;
  const { historySeconds = 120 * 86_400, intervalSeconds = 300, token = woodpecker.userToken } = options;
  const aborter = new AbortController();
  const { signal } = aborter;
  onTestFinished(() => aborter.abort(new Error('Test is over')));
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line.slice(line.indexOf(' ') + 1)));
  const ingest = await openIngest({ store, mode: { policy, canAsk: true }, clock });
  const events = new Map<string, number>();
  const onEvent = (source: string, result: string, count = 1): void => {
    const key = `${source} ${result}`;
    events.set(key, (events.get(key) ?? 0) + count);
  };
  let isConnected = false;
  let losses = 0;
  let rounds = 0;
  let unreadableRows = 0;
  const sources = connectWoodpeckerSources({
    config: {
      woodpecker: { url: woodpecker.url, token },
      backfillHistorySeconds: historySeconds,
      reconcileIntervalSeconds: intervalSeconds,
      isStreamEnabled: true,
    },
    clock,
    log,
    ingest,
    onEvent,
    metrics: {
      setWoodpeckerUp: () => undefined,
      setBackfillRunning: () => undefined,
      observeRequest: () => undefined,
      countUnreadableRow: () => {
        unreadableRows++;
      },
      setStreamConnected(next) {
        isConnected = next;
        if (!next) losses++;
      },
      noteReconciliation: () => {
        rounds++;
      },
    },
    signal,
    // The pauses before another try pass at once.
    connection: options.connection ?? {
      sleep: (_ms, ended) => clock.sleep(1, ended),
      timeoutMs: 2_000,
    },
  });
  const running: Promise<unknown>[] = [];
  const harness: Harness = {
    ...sources,
    store,
    ingest,
    webhook: createWebhook({ ingest, clock, onEvent }),
    signal,
    lines,
    events,
    get isConnected() {
      return isConnected;
    },
    get losses() {
      return losses;
    },
    get rounds() {
      return rounds;
    },
    get unreadableRows() {
      return unreadableRows;
    },
    run(...loops) {
      for (const loop of loops) {
        const ended = sources.loops[loop]().catch((error) => {
          if (!signal.aborted) throw error;
        });
        running.push(ended);
      }
    },
    round: () => sources.reconciliation.round(signal),
    repo: (fullName) => [...ingest.state.repos.values()].find((one) => one.fullName === fullName),
    shown: (repo, tier) => projectPair(ingest.state, repo, tier),
    abort: () => aborter.abort(new Error('Harness was aborted')),
    async stop() {
      harness.abort();
      await Promise.all(running);
      await ingest.idle();
    },
    async restart() {
      await harness.stop();
      return createHarness({ ...options, store });
    },
  };
  return harness;
}

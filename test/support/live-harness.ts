/**
 * The loops of the service without its process: stream, polling and reconciliation with a fake Woodpecker, connected as
 * `service.ts` connects them, with a clock that only the test moves.
 */

import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import type { Repo } from '../../src/core/repo.ts';
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts';
import { loadState } from '../../src/ingest/load-state.ts';
import { type BackfillRunner, createBackfill } from '../../src/sources/backfill.ts';
import { createListTroubles } from '../../src/sources/list-troubles.ts';
import { createScans } from '../../src/sources/one-scan-per-repo.ts';
import { pollPipelines } from '../../src/sources/poll-pipelines.ts';
import { readWorkflows } from '../../src/sources/read-workflows.ts';
import { createReconciliation, type Reconciliation } from '../../src/sources/reconcile.ts';
import { createEventStream, type EventStream } from '../../src/sources/stream.ts';
import { createClockWatch } from '../../src/sources/watch-clock.ts';
import { createWebhook, type Webhook } from '../../src/sources/webhook.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createLog } from '../../src/util/log.ts';
import { createWoodpeckerClient, type WoodpeckerClient } from '../../src/woodpecker/client.ts';
import { openEventStream } from '../../src/woodpecker/event-stream.ts';
import { createWoodpeckerHealth } from '../../src/woodpecker/health.ts';
import { type FakeWoodpecker, startFakeWoodpecker } from './fake-woodpecker.ts';
import { withOnlyValues } from './only-values.ts';
import { projectPair, type ShownPair } from './projected.ts';
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts';

/** Start of simulated time: 2026-06-01. */
export const dawn = 1_780_272_000;

export interface LiveHarness {
  readonly clock: SimulatedClock;
  readonly store: Store;
  readonly ingest: Ingest;
  readonly client: WoodpeckerClient;
  /** Aborted by `stop`. */
  readonly signal: AbortSignal;
  readonly backfill: BackfillRunner;
  readonly reconciliation: Reconciliation;
  readonly stream: EventStream;
  readonly webhook: Webhook;
  /** Level and text of each line of the log, from `info` on. */
  readonly lines: readonly string[];
  /** Number of events, by `source result`. */
  readonly events: ReadonlyMap<string, number>;
  readonly isConnected: boolean;
  /** Number of lost connections. */
  readonly losses: number;
  readonly rounds: number;
  /** Number of unreadable rows. */
  readonly unreadableRows: number;
  /** Starts these loops, each until `stop`. The background loop syncs new repos. */
  run(...loops: readonly Loop[]): void;
  /** Runs one round of reconciliation. Call it if the loop of reconciliation does not run. */
  round(): Promise<void>;
  repo(fullName: string): Repo | undefined;
  shown(repo: string, tier?: string): ShownPair | null;
  stop(): Promise<void>;
}

export type Loop = 'stream' | 'follow' | 'reconcile' | 'background' | 'workflows';

export interface LiveOptions {
  readonly clock: SimulatedClock;
  readonly woodpecker: FakeWoodpecker;
  readonly token?: string;
  readonly policy?: Policy;
  readonly store?: Store;
  readonly intervalSeconds?: number;
  readonly idleMs?: number;
  /** Called after the backfill at start, before its requests are cleared. */
  readonly onCaughtUp?: () => void;
}

/** A fake Woodpecker in simulated time. Its streams ping only if the test does. */
export async function startSimulatedWoodpecker(
  version = '3.17.0',
  /** Seconds by which its clock is ahead. */
  ahead = () => 0,
): Promise<{ clock: SimulatedClock; woodpecker: FakeWoodpecker }> {
  const clock = createSimulatedClock(dawn);
  const now = () => Math.floor(clock.now() / 1000) + ahead();
  const woodpecker = await startFakeWoodpecker({ version, now, pingIntervalMs: 2_000_000_000 });
  return { clock, woodpecker };
}

/** A harness whose backfill at start is done. No loop runs yet. */
export async function createLiveHarness(options: LiveOptions): Promise<LiveHarness> {
  const {
    clock,
    woodpecker,
    token = woodpecker.userToken,
    policy = defaultPolicy,
    store = openMemoryStore(),
    intervalSeconds = 300,
  } = options;
  const aborter = new AbortController();
  const { signal } = aborter;
  const lines: string[] = [];
  const log = createLog('info', (line) => lines.push(line.slice(line.indexOf(' ') + 1)));
  const mode = { policy, canAsk: true };
  const { state } = await loadState(store, mode, Math.floor(clock.now() / 1000));
  const ingest = withOnlyValues(createIngest({ store, state, mode, clock }));
  const events = new Map<string, number>();
  const onEvent = (source: string, result: string, count = 1): void => {
    const key = `${source} ${result}`;
    events.set(key, (events.get(key) ?? 0) + count);
  };
  let isConnected = false;
  let losses = 0;
  let rounds = 0;
  let unreadableRows = 0;
  const listTroubles = createListTroubles(log, () => {
    unreadableRows++;
  });
  /** Reads the whole answer before it returns it, so that simulated time waits for the answer. */
  const fetchWhole: typeof fetch = (input, init) =>
    clock.hold(
      fetch(input, init).then(async (answer) => {
        const { status, headers } = answer;
        return new Response(await answer.arrayBuffer(), { status, headers });
      }),
    );
  const random = () => 0.5;
  const health = createWoodpeckerHealth(clock, log, () => {
    if (health.isTokenRefused) stream.reconnect();
  });
  const clocks = createClockWatch(ingest, log);
  const connection = { url: woodpecker.url, token };
  const client = createWoodpeckerClient({
    ...connection,
    fetch: fetchWhole,
    sleep: clock.sleep,
    random,
    now: clock.now,
    onDate: (answer) => clocks.note(answer),
    onRequest: (request) => health.note(request),
    onOddRow: listTroubles.noteOddRow,
    onEndlessList: listTroubles.noteEndlessList,
  });
  const historySeconds = 120 * 86_400;
  const scans = createScans({ ingest, client, clock, onEvent }, { historySeconds });
  const backfill = createBackfill({ ingest, client, scans, clock, log, historySeconds, signal });
  const stream = createEventStream({
    ingest,
    client,
    open: (ended) =>
      openEventStream(
        {
          ...connection,
          clock,
          fetch: (input, init) => clock.hold(fetch(input, init)),
          ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
        },
        ended,
      ),
    clock,
    log,
    onEvent,
    onConnected(next) {
      isConnected = next;
      if (!next) losses++;
    },
    tokenValidAt: () => health.tokenValidAt,
    onSubscribed: () => reconciliation.runNow(),
    onUnknownRepo: (id) => reconciliation.lookFor(id, signal),
    random,
  });
  const reconciliation = createReconciliation({
    ingest,
    client,
    scans,
    clock,
    log,
    onEvent,
    intervalSeconds,
    onNewRepos: () => stream.reconnect(),
    onRound: () => {
      rounds++;
    },
  });
  const isOnStream = ({ target, number }: { target: number | string; number: number }) =>
    typeof target === 'number' && stream.hasReported(target, number);
  const begin: Record<Loop, () => Promise<never>> = {
    stream: () => stream.run(signal),
    follow: () => pollPipelines({ ingest, client, clock, log, onEvent, isOnStream }, signal),
    reconcile: () => reconciliation.run(signal),
    workflows: () => readWorkflows({ ingest, client, clock, log }, signal),
    background: () => backfill.inBackground(),
  };
  const running: Promise<unknown>[] = [];
  await backfill.atStart();
  events.clear();
  options.onCaughtUp?.();
  woodpecker.clearRequests();

  return {
    clock,
    store,
    ingest,
    client,
    signal,
    backfill,
    reconciliation,
    stream,
    webhook: createWebhook({ ingest, clock, onEvent }),
    lines,
    events,
    get isConnected() {
      return isConnected;
    },
    get losses() {
      return losses;
    },
    get unreadableRows() {
      return unreadableRows;
    },
    get rounds() {
      return rounds;
    },
    run(...loops) {
      for (const loop of loops) {
        const ended = begin[loop]().catch((error) => {
          if (!signal.aborted) throw error;
        });
        running.push(ended);
      }
    },
    round: () => reconciliation.round(signal),
    repo: (fullName) => [...state.repos.values()].find((one) => one.fullName === fullName),
    shown: (repo, tier) => projectPair(state, repo, tier),
    async stop() {
      aborter.abort(new Error('Test is over'));
      await Promise.all(running);
      await ingest.idle();
    },
  };
}

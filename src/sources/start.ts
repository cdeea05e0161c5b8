/**
 * Connects and starts all sources that read from Woodpecker: backfill, event stream, reconciliation, polling, and reading of
 * missing workflows.
 */

import type { Config } from '../config/environment.ts';
import type { Follow } from '../core/poll-schedule.ts';
import type { SelfMetrics } from '../metrics/self-metrics.ts';
import { counted } from '../util/pluralize.ts';
import { type ClientOptions, createWoodpeckerClient, type WoodpeckerClient } from '../woodpecker/client.ts';
import { type EventStreamOptions, openEventStream } from '../woodpecker/event-stream.ts';
import { createWoodpeckerHealth, type WoodpeckerHealth } from '../woodpecker/health.ts';
import { type BackfillRunner, createBackfill } from './backfill.ts';
import type { Dependencies } from './dependencies.ts';
import type { EventResult, Source } from './event-labels.ts';
import { createListTroubles } from './list-troubles.ts';
import { createScans } from './one-scan-per-repo.ts';
import { pollPipelines } from './poll-pipelines.ts';
import { readWorkflows } from './read-workflows.ts';
import { createReconciliation, type Reconciliation } from './reconcile.ts';
import { createEventStream, type EventStream } from './stream.ts';
import { type ClockWatch, createClockWatch } from './watch-clock.ts';

/** If Woodpecker is down for longer than this, the service is ready without it. */
const unreachablePatienceMs = 120_000;

/** The sources, connected with each other. None of them runs yet. */
export interface ConnectedSources {
  readonly client: WoodpeckerClient;
  readonly backfill: BackfillRunner;
  readonly health: WoodpeckerHealth;
  readonly clocks: ClockWatch;
  readonly stream: EventStream;
  readonly reconciliation: Reconciliation;
  /** Each runs until the service stops. If one rejects earlier, the service cannot go on. */
  readonly loops: Readonly<Record<SourceLoop, () => Promise<never>>>;
}

export type SourceLoop = 'stream' | 'poll' | 'reconcile' | 'background' | 'workflows';

export interface WoodpeckerSources extends Pick<ConnectedSources, 'backfill' | 'health' | 'clocks'> {
  readonly stream: EventStream | null;
  /** Each runs until the service stops. If one rejects earlier, the service cannot go on. */
  readonly loops: readonly Promise<never>[];
  /** Why the service is not ready, while the backfill at start runs and Woodpecker is up; `null`: it is ready. */
  notReady(): string | null;
}

export interface WoodpeckerSourcesOptions extends Omit<Dependencies, 'client'> {
  readonly config: Pick<
    Config,
    'woodpecker' | 'backfillHistorySeconds' | 'reconcileIntervalSeconds' | 'isStreamEnabled'
  >;
  readonly metrics: SourceMetrics;
  readonly signal: AbortSignal;
  /** Called at the end of each backfill. */
  readonly onBackfilled?: () => void;
  /** Replaces parts of the connection to Woodpecker. */
  readonly connection?: Partial<
    Pick<ClientOptions, 'fetch' | 'sleep' | 'random' | 'timeoutMs'> & Pick<EventStreamOptions, 'idleMs'>
  >;
}

/** The metrics that the sources report to. */
type SourceMetrics = Pick<
  SelfMetrics<Source, EventResult>,
  | 'setWoodpeckerUp'
  | 'countUnreadableRow'
  | 'observeRequest'
  | 'setBackfillRunning'
  | 'setStreamConnected'
  | 'noteReconciliation'
>;

/** Throws if no Woodpecker is configured. */
export function connectWoodpeckerSources(options: WoodpeckerSourcesOptions): ConnectedSources {
  const { config, clock, log, ingest, onEvent, metrics, signal, onBackfilled } = options;
  if (!config.woodpecker) throw new Error('No Woodpecker is configured');
  const health = createWoodpeckerHealth(clock, log, (isUp) => {
    metrics.setWoodpeckerUp(isUp);
    if (health.isTokenRefused) stream.reconnect();
  });
  const clocks = createClockWatch(ingest, log);
  const { idleMs, ...connection } = { ...config.woodpecker, ...options.connection };
  const listTroubles = createListTroubles(log, metrics.countUnreadableRow);
  const client = createWoodpeckerClient({
    sleep: clock.sleep,
    ...connection,
    now: clock.now,
    onDate: (answer) => clocks.note(answer),
    onOddRow: listTroubles.noteOddRow,
    onEndlessList: listTroubles.noteEndlessList,
    onRequest(request) {
      health.note(request);
      metrics.observeRequest(request);
    },
  });
  const historySeconds = config.backfillHistorySeconds;
  const shared = { ingest, client, clock, log, onEvent };
  const scans = createScans(shared, { historySeconds });
  const backfill = createBackfill({
    ...shared,
    scans,
    historySeconds,
    signal,
    onRunning(isRunning) {
      metrics.setBackfillRunning(isRunning);
      if (!isRunning) onBackfilled?.();
    },
  });
  const stream = createEventStream({
    ...shared,
    open: (ended) =>
      openEventStream({ ...connection, clock, ...(idleMs === undefined ? {} : { idleMs }) }, ended),
    onConnected: metrics.setStreamConnected,
    tokenValidAt: () => health.tokenValidAt,
    onSubscribed: () => reconciliation.runNow(),
    onUnknownRepo: (id) => reconciliation.lookFor(id, signal),
    ...(connection.random && { random: connection.random }),
  });
  const reconciliation = createReconciliation({
    ...shared,
    scans,
    intervalSeconds: config.reconcileIntervalSeconds,
    onNewRepos: () => stream.reconnect(),
    onRound: metrics.noteReconciliation,
  });
  const isOnStream = ({ target, number }: Follow) =>
    typeof target === 'number' && stream.hasReported(target, number);
  return {
    client,
    backfill,
    health,
    clocks,
    stream,
    reconciliation,
    loops: {
      stream: () => stream.run(signal),
      poll: () => pollPipelines({ ...shared, isOnStream }, signal),
      reconcile: () => reconciliation.run(signal),
      background: () => backfill.inBackground(),
      workflows: () => readWorkflows(shared, signal),
    },
  };
}

/** Connects and starts all sources. Throws if no Woodpecker is configured. */
export function startWoodpeckerSources(options: WoodpeckerSourcesOptions): WoodpeckerSources {
  const { clock } = options;
  const { isStreamEnabled } = options.config;
  const { backfill, health, clocks, stream, loops } = connectWoodpeckerSources(options);
  let isBackfilled = false;
  const backfillAndReconcile = backfill.atStart().then(() => {
    isBackfilled = true;
    return Promise.race([loops.background(), loops.reconcile()]);
  });
  return {
    backfill,
    health,
    clocks,
    stream: isStreamEnabled ? stream : null,
    loops: [
      backfillAndReconcile,
      loops.poll(),
      loops.workflows(),
      ...(isStreamEnabled ? [loops.stream()] : []),
    ],
    notReady() {
      const isUnreachable = health.isUp === false && clock.now() - health.since > unreachablePatienceMs;
      if (isBackfilled || isUnreachable) return null;
      const done = backfill.running?.repos ?? 0;
      return `Catching up with Woodpecker: ${counted(done, 'repo')} gone through so far`;
    },
  };
}

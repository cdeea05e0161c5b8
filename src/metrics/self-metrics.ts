/**
 * The exporter's metrics about itself, and Node's about the process: operators use them for alerts about the exporter.
 * Counters start at 0 with the process. The process metrics are computed at most once a second, so that a scrape costs
 * little.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { ignoreReasons } from '../core/classification.ts';
import type { State } from '../core/series/state.ts';
import {
  codeOf,
  createForgeMetrics,
  createStreamMetrics,
  createWoodpeckerMetrics,
  type WoodpeckerMetricsOptions,
} from './upstream-metrics.ts';

export interface SelfMetrics<Source extends string, Result extends string> {
  countEvent(source: Source, result: Result, count?: number): void;
  setBackfillRunning(isRunning: boolean): void;
  setWoodpeckerUp(isUp: boolean): void;
  setStreamConnected(isConnected: boolean): void;
  countUnreadableRow(): void;
  noteReconciliation(): void;
  /** `status` 0: there was no answer. */
  observeRequest(request: { readonly status: number; readonly ms: number }): void;
  observeForgeRequest(request: { readonly status: number }): void;
  /** The counts of events by source, for the status page. */
  activity(): readonly SourceActivity[];
  reconciliation(): ReconciliationActivity;
  /** The metrics in Prometheus's text format. */
  render(): Promise<string>;
}

export interface SourceActivity {
  readonly source: string;
  /** Unix seconds of the last event; `null`: none since the start. */
  readonly lastAt: number | null;
  readonly results: readonly { readonly result: string; readonly count: number }[];
}

export interface ReconciliationActivity {
  /** Unix seconds of the last round; `null`: none since the start. */
  readonly lastAt: number | null;
  /** Number of ends that reconciliation has found, and that webhook and stream had missed. */
  readonly missed: number;
}

export interface SelfMetricsOptions<Source extends string, Result extends string> {
  readonly version: string;
  readonly state: State;
  readonly sources: readonly Source[];
  readonly results: readonly Result[];
  /** `null`: no Woodpecker is configured. */
  readonly woodpecker: WoodpeckerMetricsOptions | null;
  /** Whether the last write to the store succeeded, and the backfill at start is complete. */
  readonly isReady: () => boolean;
  /** Number of repos, pairs and hints that were refused at a limit, by kind. */
  readonly turnedAway: () => Readonly<Record<string, number>>;
  /** Number of deployments that still need a lookup in the forge; `null`: no forge is configured. */
  readonly pendingLeadTimes: (() => number) | null;
  /** Unix seconds. */
  readonly now: () => number;
}

export function createSelfMetrics<Source extends string, Result extends string>({
  version,
  state,
  sources,
  results,
  woodpecker: woodpeckerOptions,
  isReady,
  turnedAway,
  pendingLeadTimes,
  now,
}: SelfMetricsOptions<Source, Result>): SelfMetrics<Source, Result> {
  const registry = new Registry();
  const registers = [registry];
  const events = new Counter({
    name: 'dora_exporter_events_total',
    help: 'Events by source and result.',
    labelNames: ['source', 'result'],
    registers,
  });
  const lastEvent = new Gauge({
    name: 'dora_exporter_last_event_timestamp',
    help: 'Time of the last event of a source, in Unix seconds; 0 if there was none since the start.',
    labelNames: ['source'],
    registers,
  });
  for (const source of sources) {
    lastEvent.set({ source }, 0);
    for (const result of results) events.inc({ source, result }, 0);
  }
  new Gauge({
    name: 'dora_exporter_pipelines_ignored',
    help: 'Stored pipelines that the policy does not count, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      for (const reason of ignoreReasons) this.set({ reason }, state.tally.ignored(reason));
    },
  });
  new Counter({
    name: 'dora_exporter_turned_away_total',
    help: 'Repos, pairs of repo and tier, and hints that were refused at a limit.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of Object.entries(turnedAway())) this.inc({ kind }, count);
    },
  });
  const backfillRunning = new Gauge({
    name: 'dora_exporter_backfill_running',
    help: '1 while a backfill runs, else 0.',
    registers,
  });
  new Gauge({
    name: 'dora_exporter_ready',
    help: '1 if the store could be written when last tried and the catch-up at the start is over, else 0.',
    registers,
    collect() {
      this.set(Number(isReady()));
    },
  });
  const woodpecker = woodpeckerOptions && createWoodpeckerMetrics(registry, state, woodpeckerOptions);
  const stream = woodpeckerOptions?.hasStream ? createStreamMetrics(registry) : null;
  const forge = pendingLeadTimes ? createForgeMetrics(registry, pendingLeadTimes) : null;
  new Gauge({
    name: 'dora_exporter_build_info',
    help: 'Always 1; the labels contain the version, and the address of Woodpecker, if there is one.',
    labelNames: ['version', 'woodpecker_url'],
    registers,
  }).set({ version, ...(woodpeckerOptions && { woodpecker_url: woodpeckerOptions.url }) }, 1);
  const processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  // These gauges are named as counters. Other metrics contain the same numbers by type.
  for (const kind of ['handles', 'requests', 'resources']) {
    processRegistry.removeSingleMetric(`nodejs_active_${kind}_total`);
  }
  let reconciledAt: number | null = null;
  let missed = 0;
  const lastAt = new Map<Source, number>();
  const counts = new Map<string, number>();
  const countOf = (source: Source, result: Result) => counts.get(`${source} ${result}`) ?? 0;

  /** Number of updates; part of the cache's key. */
  let updates = 0;
  const update = (make: () => void): void => {
    make();
    updates++;
  };
  const ofProcess = createCache(() => processRegistry.metrics());
  const all = createCache(async () => `${await registry.metrics()}\n${await ofProcess(String(now()))}`);

  return {
    countEvent: (source, result, count = 1) =>
      update(() => {
        events.inc({ source, result }, count);
        lastEvent.set({ source }, now());
        // Webhook or stream should have reported a pipeline that reconciliation stores.
        if (source === 'reconcile' && result === 'stored') {
          woodpecker?.missed.inc(count);
          missed += count;
        }
        lastAt.set(source, now());
        counts.set(`${source} ${result}`, countOf(source, result) + count);
      }),
    activity: () =>
      sources.map((source) => ({
        source,
        lastAt: lastAt.get(source) ?? null,
        results: results
          .map((result) => ({ result, count: countOf(source, result) }))
          .filter(({ count }) => count > 0),
      })),
    setBackfillRunning: (isRunning) => update(() => backfillRunning.set(Number(isRunning))),
    setWoodpeckerUp: (isUp) => update(() => woodpecker?.up.set(Number(isUp))),
    setStreamConnected: (isConnected) =>
      update(() => {
        stream?.connected.set(Number(isConnected));
        if (!isConnected) stream?.reconnects.inc();
      }),
    countUnreadableRow: () => update(() => woodpecker?.unreadableRows.inc()),
    noteReconciliation: () =>
      update(() => {
        reconciledAt = now();
        woodpecker?.lastReconcile.set(reconciledAt);
      }),
    reconciliation: () => ({ lastAt: reconciledAt, missed }),
    observeRequest: ({ status, ms }) =>
      update(() => {
        woodpecker?.requests.inc({ code: codeOf(status) });
        woodpecker?.duration.observe(ms / 1000);
      }),
    observeForgeRequest: ({ status }) => update(() => forge?.requests.inc({ code: codeOf(status) })),
    render: () => all(`${updates} ${state.version} ${now()}`),
  };
}

/** Calls `render` only if the key is another one than at the last call. */
function createCache(render: () => Promise<string>): (key: string) => Promise<string> {
  let lastKey: string | null = null;
  let last: Promise<string> = Promise.resolve('');
  return (key) => {
    if (key !== lastKey) {
      lastKey = key;
      last = render();
    }
    return last;
  };
}

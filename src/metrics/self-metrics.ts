/**
 * The exporter's metrics about itself, and Node's about the process: what operators alert on when the exporter, and not a
 * deployment, is in trouble. They start at 0 with the process. What is told of the process is at most a second old, so that
 * a scrape costs little.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { ignoreReasons } from '../core/classification.ts';
import type { State } from '../core/series/state.ts';
import { codeOf, createAskingMetrics, createForgeMetrics, createStreamMetrics } from './asking-metrics.ts';

export interface SelfMetrics<Source extends string, Result extends string> {
  countEvent(source: Source, result: Result, count?: number): void;
  setBackfillRunning(isRunning: boolean): void;
  setWoodpeckerUp(isUp: boolean): void;
  setStreamConnected(isConnected: boolean): void;
  countUnreadableRow(): void;
  noteReconciliation(): void;
  /** `status` is 0 where there was no answer. */
  observeRequest(request: { readonly status: number; readonly ms: number }): void;
  observeForgeRequest(request: { readonly status: number }): void;
  /** The same counts for a person, by source. */
  activity(): readonly SourceActivity[];
  reconciliation(): ReconciliationActivity;
  render(): Promise<string>;
}

export interface SourceActivity {
  readonly source: string;
  /** Unix seconds; `null`: nothing since the start. */
  readonly lastAt: number | null;
  readonly results: readonly { readonly result: string; readonly count: number }[];
}

export interface ReconciliationActivity {
  /** Unix seconds of the last round; `null`: none since the start. */
  readonly lastAt: number | null;
  /** Ends that it has found, and webhook and stream had not told. */
  readonly missed: number;
}

export interface SelfMetricsOptions<Source extends string, Result extends string> {
  readonly version: string;
  readonly state: State;
  readonly sources: readonly Source[];
  readonly results: readonly Result[];
  /** Whether there is a Woodpecker whose health can be told. */
  readonly hasWoodpecker: boolean;
  /** Whether its event stream is listened to; if not, nothing tells of a stream that is down. */
  readonly hasStream?: boolean;
  /** Whether the store could be written when last tried, and the catch-up at the start is over. */
  readonly isReady?: () => boolean;
  /** Repos that wait to be brought up to date. */
  readonly backlog?: () => number;
  /** 0: it comes round only when hurried. */
  readonly reconcileIntervalSeconds?: number;
  /** What was turned away at a limit, by what it was. */
  readonly turnedAway?: () => Readonly<Record<string, number>>;
  /** Deployments that the forge is still to be asked for; `null`: no forge is asked. */
  readonly pendingLeadTimes?: (() => number) | null;
  /** Woodpecker's root; `null`: there is none. */
  readonly woodpeckerUrl?: string | null;
  /** Unix seconds. */
  readonly now: () => number;
}

export function createSelfMetrics<Source extends string, Result extends string>({
  version,
  state,
  sources,
  results,
  hasWoodpecker,
  hasStream = true,
  isReady = () => true,
  backlog = () => 0,
  reconcileIntervalSeconds = 0,
  turnedAway = () => ({}),
  pendingLeadTimes = null,
  woodpeckerUrl = null,
  now,
}: SelfMetricsOptions<Source, Result>): SelfMetrics<Source, Result> {
  const registry = new Registry();
  const registers = [registry];
  const events = new Counter({
    name: 'dora_exporter_events_total',
    help: 'What came in by source, and what became of it.',
    labelNames: ['source', 'result'],
    registers,
  });
  const lastEvent = new Gauge({
    name: 'dora_exporter_last_event_timestamp',
    help: 'When a source last brought something, in Unix seconds; 0 if not since the start.',
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
    help: 'Repos, pairs of repo and tier, and hints that there was no room for.',
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
  const asking = hasWoodpecker
    ? createAskingMetrics(registry, { state, backlog, reconcileIntervalSeconds })
    : null;
  const stream = hasWoodpecker && hasStream ? createStreamMetrics(registry) : null;
  const forge = pendingLeadTimes ? createForgeMetrics(registry, pendingLeadTimes) : null;
  new Gauge({
    name: 'dora_exporter_build_info',
    help: 'Always 1; the labels tell the version, and the address of Woodpecker, if there is one.',
    labelNames: ['version', 'woodpecker_url'],
    registers,
  }).set({ version, ...(woodpeckerUrl !== null && { woodpecker_url: woodpeckerUrl }) }, 1);
  const processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  // Gauges whose names say that they are counters; the same figures come by type besides.
  for (const kind of ['handles', 'requests', 'resources']) {
    processRegistry.removeSingleMetric(`nodejs_active_${kind}_total`);
  }
  let reconciledAt: number | null = null;
  let missed = 0;
  const lastAt = new Map<Source, number>();
  const counts = new Map<string, number>();
  const countOf = (source: Source, result: Result) => counts.get(`${source} ${result}`) ?? 0;

  let changes = 0;
  const change = (make: () => void): void => {
    make();
    changes++;
  };
  const ofProcess = createCache(() => processRegistry.metrics());
  const all = createCache(async () => `${await registry.metrics()}\n${await ofProcess(String(now()))}`);

  return {
    countEvent: (source, result, count = 1) =>
      change(() => {
        events.inc({ source, result }, count);
        lastEvent.set({ source }, now());
        // What reconciliation stores, the webhook or the stream should have brought.
        if (source === 'reconcile' && result === 'stored') {
          asking?.missed.inc(count);
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
    setBackfillRunning: (isRunning) => change(() => backfillRunning.set(Number(isRunning))),
    setWoodpeckerUp: (isUp) => change(() => asking?.up.set(Number(isUp))),
    setStreamConnected: (isConnected) =>
      change(() => {
        stream?.connected.set(Number(isConnected));
        if (!isConnected) stream?.reconnects.inc();
      }),
    countUnreadableRow: () => change(() => asking?.unreadableRows.inc()),
    noteReconciliation: () =>
      change(() => {
        reconciledAt = now();
        asking?.lastReconcile.set(reconciledAt);
      }),
    reconciliation: () => ({ lastAt: reconciledAt, missed }),
    observeRequest: ({ status, ms }) =>
      change(() => {
        asking?.requests.inc({ code: codeOf(status) });
        asking?.duration.observe(ms / 1000);
      }),
    observeForgeRequest: ({ status }) => change(() => forge?.requests.inc({ code: codeOf(status) })),
    render: () => all(`${changes} ${state.version} ${now()}`),
  };
}

/** Remembers what `render` gave last, for as long as the key stays the same. */
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

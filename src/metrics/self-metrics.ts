/**
 * The exporter's metrics about itself, and Node's about the process: what operators alert on when the exporter, and not a
 * deployment, is in trouble. They start at 0 with the process. What is told of the process is at most a second old, so that
 * a scrape costs little.
 */

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { ignoreReasons } from '../core/classification.ts';
import type { State } from '../core/state.ts';

export interface SelfMetrics<Source extends string, Result extends string> {
  countEvent(source: Source, result: Result, count?: number): void;
  setBackfillRunning(isRunning: boolean): void;
  setWoodpeckerUp(isUp: boolean): void;
  setStreamConnected(isConnected: boolean): void;
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
  /** What was turned away at a limit, by what it was. */
  readonly turnedAway?: () => Readonly<Record<string, number>>;
  /** Deployments that the forge is still to be asked for; `null`: no forge is asked. */
  readonly pendingLeadTimes?: (() => number) | null;
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
  turnedAway = () => ({}),
  pendingLeadTimes = null,
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
  const asking = hasWoodpecker ? createAskingMetrics(registry, state, backlog) : null;
  const stream = hasWoodpecker && hasStream ? createStreamMetrics(registry) : null;
  const forge = pendingLeadTimes ? createForgeMetrics(registry, pendingLeadTimes) : null;
  new Gauge({
    name: 'dora_exporter_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);
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

/** What there is to tell only where Woodpecker is asked. */
function createAskingMetrics(registry: Registry, state: State, backlog: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'dora_exporter_following',
    help: 'Pipelines that are followed to their end.',
    registers,
    collect() {
      this.set(state.follows.size);
    },
  });
  new Gauge({
    name: 'dora_exporter_backlog',
    help: 'Repos that wait to be brought up to date.',
    registers,
    collect() {
      this.set(backlog());
    },
  });
  return {
    up: new Gauge({
      name: 'dora_exporter_woodpecker_up',
      help: "1 if Woodpecker's last answer was usable, else 0.",
      registers,
    }),
    missed: new Counter({
      name: 'dora_exporter_missed_events_total',
      help: 'Ends that reconciliation found, and neither webhook nor stream had told.',
      registers,
    }),
    requests: new Counter({
      name: 'dora_exporter_woodpecker_requests_total',
      help: "Requests to Woodpecker's REST API by status code; none where there was no answer.",
      labelNames: ['code'],
      registers,
    }),
    duration: new Histogram({
      name: 'dora_exporter_woodpecker_request_duration_seconds',
      help: "Time that Woodpecker's REST API took to answer, in seconds.",
      buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
      registers,
    }),
    lastReconcile: new Gauge({
      name: 'dora_exporter_last_reconcile_timestamp',
      help: 'When a round of reconciliation was last completed, in Unix seconds; 0 if not since the start.',
      registers,
    }),
  };
}

function codeOf(status: number): string {
  return status === 0 ? 'none' : String(status);
}

/** What there is to tell only where a forge is asked. */
function createForgeMetrics(registry: Registry, pendingLeadTimes: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'dora_exporter_lead_times_pending',
    help: 'Deployments that the forge is still to be asked for.',
    registers,
    collect() {
      this.set(pendingLeadTimes());
    },
  });
  return {
    requests: new Counter({
      name: 'dora_exporter_forge_requests_total',
      help: "Requests to the forge's API by status code; none where there was no answer.",
      labelNames: ['code'],
      registers,
    }),
  };
}

/** What there is to tell only where the event stream is listened to. */
function createStreamMetrics(registry: Registry) {
  const registers = [registry];
  return {
    connected: new Gauge({
      name: 'dora_exporter_stream_connected',
      help: "1 while the connection to Woodpecker's event stream stands, else 0.",
      registers,
    }),
    reconnects: new Counter({
      name: 'dora_exporter_stream_reconnects_total',
      help: 'Connections to the event stream that were lost and made again.',
      registers,
    }),
  };
}

/** The exporter's metrics about the servers that it reads from: Woodpecker's API and event stream, and a forge. */

import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { State } from '../core/series/state.ts';

export interface WoodpeckerMetricsOptions {
  /** Woodpecker's root URL. */
  readonly url: string;
  /** Whether the event stream is enabled; without it, the stream's metrics do not exist. */
  readonly hasStream: boolean;
  /** 0: reconciliation has no regular rounds. */
  readonly reconcileIntervalSeconds: number;
  /** Number of repos that wait for a sync. */
  readonly backlog: () => number;
}

/** Metrics that exist only if a Woodpecker is configured. */
export function createWoodpeckerMetrics(
  registry: Registry,
  state: State,
  { backlog, reconcileIntervalSeconds }: WoodpeckerMetricsOptions,
) {
  const registers = [registry];
  new Gauge({
    name: 'dora_exporter_following',
    help: 'Pipelines that are polled until they end.',
    registers,
    collect() {
      this.set(state.follows.size);
    },
  });
  new Gauge({
    name: 'dora_exporter_backlog',
    help: 'Repos that wait for their pipelines to be read.',
    registers,
    collect() {
      this.set(backlog());
    },
  });
  new Gauge({
    name: 'dora_exporter_clock_skew_seconds',
    help: "By how many seconds Woodpecker's clock is ahead of the exporter's; 0 if by less than a minute.",
    registers,
    collect() {
      this.set(state.clockAhead);
    },
  });
  new Gauge({
    name: 'dora_exporter_reconcile_interval_seconds',
    help: 'Interval of reconciliation, in seconds; 0 if it runs only after a lost stream.',
    registers,
  }).set(reconcileIntervalSeconds);
  return {
    up: new Gauge({
      name: 'dora_exporter_woodpecker_up',
      help: "1 if Woodpecker's last answer was usable, else 0.",
      registers,
    }),
    missed: new Counter({
      name: 'dora_exporter_missed_events_total',
      help: 'Ended pipelines that reconciliation found, and neither webhook nor stream had reported.',
      registers,
    }),
    unreadableRows: new Counter({
      name: 'dora_exporter_unreadable_rows_total',
      help: "Rows of Woodpecker's lists that could not be read, each time that a list was read.",
      registers,
    }),
    requests: new Counter({
      name: 'dora_exporter_woodpecker_requests_total',
      help: "Requests to Woodpecker's REST API by status code, or none if no answer arrived.",
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
      help: 'Time of the last completed reconciliation, in Unix seconds; 0 if there was none since the start.',
      registers,
    }),
  };
}

/** The label `code` of a request; `status` 0: there was no answer. */
export function codeOf(status: number): string {
  return status === 0 ? 'none' : String(status);
}

/** Metrics that exist only if a forge is configured. `pendingLeadTimes`: number of deployments that need a lookup. */
export function createForgeMetrics(registry: Registry, pendingLeadTimes: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'dora_exporter_lead_times_pending',
    help: 'Deployments whose commits the forge was not asked for yet.',
    registers,
    collect() {
      this.set(pendingLeadTimes());
    },
  });
  return {
    requests: new Counter({
      name: 'dora_exporter_forge_requests_total',
      help: "Requests to the forge's API by status code, or none if no answer arrived.",
      labelNames: ['code'],
      registers,
    }),
  };
}

/** Metrics that exist only if the event stream is enabled. */
export function createStreamMetrics(registry: Registry) {
  const registers = [registry];
  return {
    connected: new Gauge({
      name: 'dora_exporter_stream_connected',
      help: "1 while Woodpecker's event stream is connected, else 0.",
      registers,
    }),
    reconnects: new Counter({
      name: 'dora_exporter_stream_reconnects_total',
      help: 'Reconnections of the event stream.',
      registers,
    }),
  };
}

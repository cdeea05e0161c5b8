import { describe, expect, it } from 'vitest';
import { createTally } from '../../src/core/pipeline-counts.ts';
import { createState } from '../../src/core/series/state.ts';
import { createSelfMetrics } from '../../src/metrics/self-metrics.ts';
import { eventResults, sources } from '../../src/sources/event-labels.ts';

interface Settings {
  readonly hasWoodpecker?: boolean;
  readonly hasStream?: boolean;
  readonly reconcileIntervalSeconds?: number;
}

function createMetrics({
  hasWoodpecker = true,
  hasStream = true,
  reconcileIntervalSeconds = 0,
}: Settings = {}) {
  const state = createState();
  let now = 1_785_500_000;
  let backlog = 0;
  let isReady = false;
  const metrics = createSelfMetrics({
    version: '1.2.3',
    state,
    sources,
    results: eventResults,
    woodpecker: hasWoodpecker
      ? { url: 'https://ci.example', hasStream, reconcileIntervalSeconds, backlog: () => backlog }
      : null,
    isReady: () => isReady,
    turnedAway: () => ({}),
    pendingLeadTimes: null,
    now: () => now,
  });
  return {
    state,
    metrics,
    advance: (seconds: number) => {
      now += seconds;
    },
    setBacklog: (repos: number) => {
      backlog = repos;
    },
    setReady: () => {
      isReady = true;
    },
    /** The samples of one metric. */
    samples: async (name: string) =>
      (await metrics.render()).split('\n').filter((line) => line.startsWith(name)),
  };
}

describe('the exporter’s metrics about itself', () => {
  it('count events of every source and result, starting at 0', async () => {
    const { samples } = createMetrics();
    const lines = await samples('dora_exporter_events_total');
    expect(lines.length).toBe(36);
    for (const source of ['webhook', 'stream', 'backfill', 'reconcile', 'follow', 'incident']) {
      for (const result of ['stored', 'duplicate', 'stale', 'following', 'ignored', 'rejected']) {
        expect(lines).toContain(`dora_exporter_events_total{source="${source}",result="${result}"} 0`);
      }
    }
  });

  it('count events, and report the time of the last one', async () => {
    const { metrics, samples, advance } = createMetrics();
    metrics.countEvent('webhook', 'stored');
    metrics.countEvent('webhook', 'stored');
    advance(60);
    metrics.countEvent('backfill', 'duplicate', 50);
    const lines = await samples('dora_exporter_events_total');
    expect(lines.filter((line) => !line.endsWith(' 0'))).toEqual([
      'dora_exporter_events_total{source="webhook",result="stored"} 2',
      'dora_exporter_events_total{source="backfill",result="duplicate"} 50',
    ]);
    expect(await samples('dora_exporter_last_event_timestamp')).toEqual([
      'dora_exporter_last_event_timestamp{source="webhook"} 1785500000',
      'dora_exporter_last_event_timestamp{source="stream"} 0',
      'dora_exporter_last_event_timestamp{source="backfill"} 1785500060',
      'dora_exporter_last_event_timestamp{source="reconcile"} 0',
      'dora_exporter_last_event_timestamp{source="follow"} 0',
      'dora_exporter_last_event_timestamp{source="incident"} 0',
    ]);
  });

  it('list the events by source for the status page', () => {
    const { metrics, advance } = createMetrics();
    metrics.countEvent('webhook', 'stored');
    advance(60);
    metrics.countEvent('webhook', 'rejected', 3);
    const [webhook, stream, ...others] = metrics.activity();
    expect(webhook).toEqual({
      source: 'webhook',
      lastAt: 1_785_500_060,
      results: [
        { result: 'stored', count: 1 },
        { result: 'rejected', count: 3 },
      ],
    });
    expect(stream).toEqual({ source: 'stream', lastAt: null, results: [] });
    expect(others.map(({ source }) => source)).toEqual(['backfill', 'reconcile', 'follow', 'incident']);
  });

  it('report how many stored pipelines do not count, by every reason, as the state has them now', async () => {
    const { state, samples } = createMetrics();
    const reasons = [
      'repo',
      'fork',
      'pull_request',
      'event',
      'branch',
      'tier',
      'killed',
      'canceled',
      'declined',
      'skipped',
      'error',
      'no_timestamp',
      'not_reached',
      'no_parts',
      'operator',
      'limit',
    ];
    expect(await samples('dora_exporter_pipelines_ignored')).toEqual(
      reasons.map((reason) => `dora_exporter_pipelines_ignored{reason="${reason}"} 0`),
    );
    const empty = { repos: [], pairs: [], timelines: new Map(), follows: new Map() };
    state.apply({ ...empty, tally: createTally(new Map([['fork', 3]])) });
    expect(await samples('dora_exporter_pipelines_ignored{reason="fork"}')).toEqual([
      'dora_exporter_pipelines_ignored{reason="fork"} 3',
    ]);
    state.apply({ ...empty, tally: createTally(new Map([['fork', 1]])) });
    expect(await samples('dora_exporter_pipelines_ignored{reason="fork"}')).toEqual([
      'dora_exporter_pipelines_ignored{reason="fork"} 1',
    ]);
  });

  it('report whether a backfill is running, and whether Woodpecker answers', async () => {
    const { metrics, samples } = createMetrics();
    const both = async () => [
      ...(await samples('dora_exporter_backfill_running')),
      ...(await samples('dora_exporter_woodpecker_up')),
    ];
    expect(await both()).toEqual(['dora_exporter_backfill_running 0', 'dora_exporter_woodpecker_up 0']);
    metrics.setBackfillRunning(true);
    metrics.setWoodpeckerUp(true);
    expect(await both()).toEqual(['dora_exporter_backfill_running 1', 'dora_exporter_woodpecker_up 1']);
    metrics.setBackfillRunning(false);
    metrics.setWoodpeckerUp(false);
    expect(await both()).toEqual(['dora_exporter_backfill_running 0', 'dora_exporter_woodpecker_up 0']);
  });

  it('report the state of the event stream, and count its losses and reconnections', async () => {
    const { metrics, samples } = createMetrics();
    const both = () => samples('dora_exporter_stream_');
    expect(await both()).toEqual([
      'dora_exporter_stream_connected 0',
      'dora_exporter_stream_reconnects_total 0',
    ]);
    metrics.setStreamConnected(true);
    expect(await both()).toEqual([
      'dora_exporter_stream_connected 1',
      'dora_exporter_stream_reconnects_total 0',
    ]);
    metrics.setStreamConnected(false);
    expect(await samples('dora_exporter_stream_connected')).toEqual(['dora_exporter_stream_connected 0']);
    metrics.setStreamConnected(true);
    expect(await both()).toEqual([
      'dora_exporter_stream_connected 1',
      'dora_exporter_stream_reconnects_total 1',
    ]);
  });

  it('report the remaining work', async () => {
    const { state, samples, setBacklog } = createMetrics();
    const both = async () => [
      ...(await samples('dora_exporter_following')),
      ...(await samples('dora_exporter_backlog')),
    ];
    expect(await both()).toEqual(['dora_exporter_following 0', 'dora_exporter_backlog 0']);
    const follow = { target: 7, number: 12, createdAt: 0, polledAt: null, hintedAt: null };
    const { tally } = state;
    state.apply({ repos: [], pairs: [], timelines: new Map(), follows: new Map([['a', follow]]), tally });
    setBacklog(3);
    expect(await both()).toEqual(['dora_exporter_following 1', 'dora_exporter_backlog 3']);
  });

  it('count requests to Woodpecker by result, and measure their durations', async () => {
    const { metrics, samples } = createMetrics();
    metrics.observeRequest({ status: 200, ms: 20 });
    metrics.observeRequest({ status: 200, ms: 2000 });
    metrics.observeRequest({ status: 503, ms: 5 });
    metrics.observeRequest({ status: 0, ms: 30_000 });
    expect(await samples('dora_exporter_woodpecker_requests_total')).toEqual([
      'dora_exporter_woodpecker_requests_total{code="200"} 2',
      'dora_exporter_woodpecker_requests_total{code="503"} 1',
      'dora_exporter_woodpecker_requests_total{code="none"} 1',
    ]);
    const durations = await samples('dora_exporter_woodpecker_request_duration_seconds');
    expect(durations).toContain('dora_exporter_woodpecker_request_duration_seconds_bucket{le="0.01"} 1');
    expect(durations).toContain('dora_exporter_woodpecker_request_duration_seconds_bucket{le="0.03"} 2');
    expect(durations).toContain('dora_exporter_woodpecker_request_duration_seconds_bucket{le="+Inf"} 4');
    expect(durations).toContain('dora_exporter_woodpecker_request_duration_seconds_count 4');
  });

  it('count pipelines that only reconciliation found, and report its last complete round', async () => {
    const { metrics, samples, advance } = createMetrics();
    expect(await samples('dora_exporter_last_reconcile_timestamp')).toEqual([
      'dora_exporter_last_reconcile_timestamp 0',
    ]);
    metrics.countEvent('reconcile', 'duplicate', 9);
    metrics.countEvent('reconcile', 'ignored', 4);
    metrics.countEvent('webhook', 'stored', 5);
    metrics.countEvent('reconcile', 'stored', 2);
    advance(60);
    metrics.noteReconciliation();
    expect(await samples('dora_exporter_missed_events_total')).toEqual([
      'dora_exporter_missed_events_total 2',
    ]);
    expect(await samples('dora_exporter_last_reconcile_timestamp')).toEqual([
      'dora_exporter_last_reconcile_timestamp 1785500060',
    ]);
  });

  it.each([300, 0])('report the interval of reconciliation: every %s seconds', async (seconds) => {
    const { samples } = createMetrics({ reconcileIntervalSeconds: seconds });
    expect(await samples('dora_exporter_reconcile_interval_seconds')).toEqual([
      `dora_exporter_reconcile_interval_seconds ${seconds}`,
    ]);
  });

  it('omit everything about Woodpecker if none is configured', async () => {
    const { metrics, samples } = createMetrics({ hasWoodpecker: false });
    metrics.setWoodpeckerUp(true);
    metrics.setStreamConnected(true);
    metrics.observeRequest({ status: 200, ms: 20 });
    metrics.noteReconciliation();
    metrics.countEvent('reconcile', 'stored');
    const names = [
      'woodpecker_',
      'stream_',
      'following',
      'backlog',
      'missed_',
      'last_reconcile_',
      'reconcile_',
    ];
    for (const name of names) expect(await samples(`dora_exporter_${name}`)).toEqual([]);
  });

  it('omit the stream if nobody listens to it', async () => {
    const { metrics, samples } = createMetrics({ hasStream: false });
    metrics.setStreamConnected(false);
    expect(await samples('dora_exporter_stream_')).toEqual([]);
    expect(await samples('dora_exporter_woodpecker_up')).toEqual(['dora_exporter_woodpecker_up 0']);
  });

  it('report readiness', async () => {
    const { samples, setReady, advance } = createMetrics();
    expect(await samples('dora_exporter_ready')).toEqual(['dora_exporter_ready 0']);
    setReady();
    advance(1);
    expect(await samples('dora_exporter_ready')).toEqual(['dora_exporter_ready 1']);
  });

  it('report the version, the address of Woodpecker if there is one, and the process', async () => {
    const { samples } = createMetrics();
    expect(await samples('dora_exporter_build_info')).toEqual([
      'dora_exporter_build_info{version="1.2.3",woodpecker_url="https://ci.example"} 1',
    ]);
    const alone = createMetrics({ hasWoodpecker: false });
    expect(await alone.samples('dora_exporter_build_info')).toEqual([
      'dora_exporter_build_info{version="1.2.3"} 1',
    ]);
    expect((await samples('process_resident_memory_bytes ')).length).toBe(1);
    expect((await samples('nodejs_eventloop_lag_p99_seconds ')).length).toBe(1);
  });

  it('belong to one exporter, not to others in the same process', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.metrics.countEvent('webhook', 'stored');
    expect(await other.samples('dora_exporter_events_total{source="webhook",result="stored"}')).toEqual([
      'dora_exporter_events_total{source="webhook",result="stored"} 0',
    ]);
  });
});

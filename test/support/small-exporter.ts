/**
 * All parts from a webhook's body to the figures, with a store in memory and a clock with a constant time: no port, no file,
 * no Woodpecker. With it, a test of one part sees the effects on the other parts.
 */

import { type AppParts, connectApp } from '../../src/connect-app.ts';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import type { Follow } from '../../src/core/poll-schedule.ts';
import type { Repo } from '../../src/core/repo.ts';
import type { State } from '../../src/core/series/state.ts';
import type { StoredPipeline } from '../../src/core/stored-pipeline.ts';
import { type AppDependencies, type AppSide, createApp } from '../../src/http/app.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import { createSelfMetrics, type SelfMetrics } from '../../src/metrics/self-metrics.ts';
import { noBackfill } from '../../src/sources/backfill.ts';
import {
  type EventResult,
  eventResults,
  type OnEvent,
  type Source,
  sources,
} from '../../src/sources/event-labels.ts';
import { createWebhook, type WebhookAnswer } from '../../src/sources/webhook.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createLog } from '../../src/util/log.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { openIngest } from './open-ingest.ts';
import { projectPair, type ShownPair } from './projected.ts';
import { aStatus, noon } from './status.ts';

export { noon } from './status.ts';

export const webhookSecret = 'correct-horse-battery';
export const incidentSecret = 'pager-of-the-tests';
export const woodpeckerUrl = 'https://ci.example.com/ci';
export const adminToken = 'admin-token-of-the-tests';

export interface SmallExporter {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly ingest: Ingest;
  readonly state: State;
  /** Lines of the log. */
  readonly lines: readonly string[];
  /** Lines of the log, without those about refused requests. */
  readonly faults: readonly string[];
  /** `source result` of each counted event. */
  readonly events: readonly string[];
  /** Passes a parsed body to the webhook. */
  receive(body: unknown): Promise<WebhookAnswer>;
  dependencies(overrides?: Partial<AppDependencies>): AppDependencies;
  app(overrides?: Partial<AppDependencies>, side?: AppSide): ReturnType<typeof createApp>;
  repos(): Promise<readonly Repo[]>;
  pipelines(): Promise<readonly StoredPipeline[]>;
  follows(): Promise<readonly Follow[]>;
  /** The shown values of a repo; `null`: it is not shown. */
  shown(repo: string, tier?: string): ShownPair | null;
}

export interface SmallExporterOptions {
  /** Whether a Woodpecker is configured, so that bodies are hints; `false` by default. */
  readonly canAsk?: boolean;
  readonly policy?: Policy;
  readonly store?: Store;
  readonly metricsToken?: string;
}

export async function createSmallExporter(options: SmallExporterOptions = {}): Promise<SmallExporter> {
  const { canAsk = false, policy = defaultPolicy, store = openMemoryStore() } = options;
  const clock = createFakeClock(noon);
  const lines: string[] = [];
  const log = createLog('debug', (line) => lines.push(line));
  const mode = { policy, canAsk };
  const ingest = await openIngest({ store, mode, clock });
  const { state } = ingest;
  /** Created at the first use, since each has its own timers and observers. */
  let metrics: SelfMetrics<Source, EventResult> | null = null;
  const selfMetrics = (): SelfMetrics<Source, EventResult> => {
    if (metrics) return metrics;
    const now = () => clock.now() / 1000;
    metrics = createSelfMetrics({
      version: '1.2.3',
      state,
      sources,
      results: eventResults,
      woodpecker: canAsk
        ? { url: 'https://ci.example', hasStream: true, reconcileIntervalSeconds: 0, backlog: () => 0 }
        : null,
      isReady: () => true,
      turnedAway: () => ({}),
      pendingLeadTimes: null,
      now,
    });
    for (const [source, result] of counted) metrics.countEvent(source, result);
    return metrics;
  };
  const counted: [Source, EventResult][] = [];
  const onEvent: OnEvent = (source, result, count = 1) => {
    for (let i = 0; i < count; i++) counted.push([source, result]);
    metrics?.countEvent(source, result, count);
  };
  const webhook = createWebhook({ ingest, clock, onEvent });
  const parts: AppParts = {
    ingest,
    clock,
    log,
    onEvent,
    version: '1.2.3',
    backfill: noBackfill,
    woodpeckerUrl: canAsk ? woodpeckerUrl : null,
    renderSelf: () => selfMetrics().render(),
    status: async (projection) =>
      aStatus({
        now: clock.now() / 1000,
        startedAt: noon,
        sources: selfMetrics().activity(),
        following: state.follows.size,
        repos: state.repos.size,
        pairs: (await projection.prepared(clock.now() / 1000, async () => undefined)).series.length,
        events: state.tally.events(),
      }),
    notReady: async () => null,
    webhookSecrets: [webhookSecret],
    incidentSecrets: [incidentSecret],
    adminTokens: [adminToken],
    metricsToken: options.metricsToken ?? null,
  };
  const dependencies = (overrides: Partial<AppDependencies> = {}): AppDependencies => ({
    ...connectApp(parts, ingest.mode.policy),
    ...overrides,
  });

  return {
    clock,
    store,
    ingest,
    state,
    lines,
    get faults() {
      return lines.filter((line) => !line.includes(' were refused: '));
    },
    get events() {
      return counted.map((pair) => pair.join(' '));
    },
    receive: (body) => webhook.receive(body),
    dependencies,
    app: (overrides = {}, side = 'all') => createApp(dependencies(overrides), side),
    repos: () => store.transact((tx) => tx.repos.all()),
    pipelines: () =>
      store.transact(async (tx) => {
        const all: StoredPipeline[] = [];
        for await (const slice of tx.pipelines.all()) all.push(...slice);
        return all;
      }),
    follows: () => store.transact((tx) => tx.follows.all()),
    shown: (repo, tier) => projectPair(state, repo, tier),
  };
}

/** Lets the exporter know repos since some days before noon, by a pipeline of each that is no deployment. */
export async function knowSince(
  { clock, receive }: SmallExporter,
  daysAgo: number,
  ...repos: readonly string[]
): Promise<void> {
  const seconds = daysAgo * 86_400;
  clock.advance(-seconds);
  const finished = noon - seconds;
  for (const repo of repos) {
    await receive({ repo, number: 1_000_000, status: 'success', event: 'pull_request', finished });
  }
  clock.advance(seconds);
}

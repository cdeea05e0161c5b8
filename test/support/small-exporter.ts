/**
 * All parts from a webhook's body to the figures, with a store in memory and a clock with a constant time: no port, no file,
 * no Woodpecker. With it, a test of one part sees the effects on the other parts.
 */

import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import type { Follow } from '../../src/core/poll-schedule.ts';
import type { Repo } from '../../src/core/repo.ts';
import { createIncidentSamples } from '../../src/core/series/incident-samples.ts';
import { createProjection } from '../../src/core/series/samples.ts';
import type { State } from '../../src/core/series/state.ts';
import type { StoredPipeline } from '../../src/core/stored-pipeline.ts';
import { type AppDependencies, type AppSide, createApp } from '../../src/http/app.ts';
import type { Ingest } from '../../src/ingest/ingest.ts';
import { judgedInTime } from '../../src/ingest/judge-due.ts';
import { createExposition } from '../../src/metrics/exposition.ts';
import { createSelfMetrics, type SelfMetrics } from '../../src/metrics/self-metrics.ts';
import { createExplain } from '../../src/queries/explain.ts';
import { createFigureHistory } from '../../src/queries/figure-history.ts';
import { createListIncidents } from '../../src/queries/incidents.ts';
import { createMoments } from '../../src/queries/moment-cache.ts';
import { createOverview } from '../../src/queries/overview.ts';
import { noBackfill } from '../../src/sources/backfill.ts';
import {
  type EventResult,
  eventResults,
  type OnEvent,
  type Source,
  sources,
} from '../../src/sources/event-labels.ts';
import { createIncidents } from '../../src/sources/incidents.ts';
import { createWebhook, type WebhookAnswer } from '../../src/sources/webhook.ts';
import { openMemoryStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { createEventLoopYield } from '../../src/util/clock.ts';
import { createLog } from '../../src/util/log.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { openIngest } from './open-ingest.ts';
import { projectPair, projectWindows, type ShownPair } from './projected.ts';

/** The constant time of a small exporter's clock: a minute after the pipelines of the v3.17.0 fixtures. */
export const noon = 1_785_500_450;

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
      hasWoodpecker: canAsk,
      backlog: () => 0,
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
  const incidents = createIncidents({ ingest, clock, onEvent });

  const createApi = (): AppDependencies['api'] => {
    const { policy } = ingest.mode;
    const projection = judgedInTime(createProjection(state, policy.windows), ingest);
    const history = createFigureHistory(ingest);
    const listIncidents = createListIncidents(ingest);
    const linkRoot = canAsk ? woodpeckerUrl : null;
    const now = () => clock.now() / 1000;
    const moments = createMoments({ ingest, policy, projection, now });
    return {
      projection,
      history,
      listIncidents,
      overview: createOverview({
        ...{ state, policy, moments, history, listIncidents },
        woodpeckerUrl: linkRoot,
      }),
      pastFigures: moments.past,
      explain: createExplain({ ingest, woodpeckerUrl: linkRoot }),
      policy,
      nowSeconds: now,
      stateVersion: () => state.version,
    };
  };
  const dependencies = (overrides: Partial<AppDependencies> = {}): AppDependencies => ({
    webhook,
    incidents,
    backfill: noBackfill,
    exposition:
      overrides.exposition ??
      createExposition({
        projection: judgedInTime(createProjection(state, ingest.mode.policy.windows), ingest),
        incidents: createIncidentSamples(state, ingest.mode.policy),
        policy: ingest.mode.policy,
        renderSelf: selfMetrics().render,
        now: () => clock.now() / 1000,
        yieldToEventLoop: createEventLoopYield(),
      }),
    version: '1.2.3',
    api: createApi(),
    status: async () => ({
      version: '1.2.3',
      now: clock.now() / 1000,
      startedAt: noon,
      notReady: null,
      woodpecker: null,
      forge: null,
      sources: selfMetrics().activity(),
      following: state.follows.size,
      backfills: [],
      repos: state.repos.size,
      pairs: projectWindows(state, ingest.mode.policy.windows, clock.now() / 1000).series.length,
      adoption: null,
      ignored: [],
      events: state.tally.events(),
    }),
    notReady: async () => null,
    webhookSecrets: [webhookSecret],
    incidentSecrets: [incidentSecret],
    adminTokens: [adminToken],
    metricsToken: options.metricsToken ?? null,
    clock,
    log,
    onEvent,
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

/**
 * The composition root: connects store, sources, metrics and HTTP. Its only decision is the order in which they start and
 * stop.
 */

import type { Config } from './config/environment.ts';
import { resolveSecret } from './config/secrets.ts';
import { type AppParts, connectApp } from './connect-app.ts';
import { ignoreReasons } from './core/classification.ts';
import type { Policy } from './core/policy.ts';
import type { Projection } from './core/series/samples.ts';
import { createForge } from './forge/create-forge.ts';
import { openFront } from './http/front.ts';
import type { Server } from './http/server.ts';
import { createIngest, StoreUnavailable } from './ingest/ingest.ts';
import { intakeModeOf } from './ingest/ingest-options.ts';
import { openState } from './ingest/load-state.ts';
import { logFault, logWhatCounts, warnOfLimits } from './ingest/operator-log.ts';
import { createPolicySwitch } from './ingest/policy-switch.ts';
import { createStoreProbe } from './ingest/store-probe.ts';
import { createSelfMetrics } from './metrics/self-metrics.ts';
import type { Status } from './pages/status.ts';
import { type Backfill, type BackfillSummary, noBackfill } from './sources/backfill.ts';
import { eventResults, type OnEvent, type Source, sources, sourcesIn } from './sources/event-labels.ts';
import { createCommitFetcher } from './sources/fetch-commits.ts';
import { dropOldTexts } from './sources/old-texts.ts';
import { startWoodpeckerSources, type WoodpeckerSources } from './sources/start.ts';
import { openStore } from './store/sqlite.ts';
import { type Clock, createEventLoopYield, nowSeconds } from './util/clock.ts';
import type { Log } from './util/log.ts';
import { recover } from './util/recover.ts';

export interface Service {
  readonly servers: readonly Server[];
  /** Rejects if the service cannot go on; never fulfils. */
  readonly failed: Promise<never>;
  /** Adopts another policy in the background. */
  adopt(policy: Policy): void;
  /** Accepts no more connections, waits for open requests and running work, and closes the store. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly config: Config;
  readonly policy: Policy;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

const requestGraceMs = 5_000;
/** Longest time that a start waits until another policy is adopted. */
const headStartMs = 1_000;

/** Rejects with `StoreUnusable` or `StoreUnavailable`, or if it cannot listen on an address. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, version, clock, log } = options;
  const startedAt = nowSeconds(clock);
  const front = await openFront({
    address: config.listen,
    metricsAddress: config.metricsListen,
    log,
    logsRequests: config.logLevel === 'debug',
  });
  const store = openStore(config.databasePath);
  const opened = await openState(store, intakeModeOf(config, options.policy), startedAt);
  const { state, mode } = opened;
  const ingest = createIngest({ store, state, mode, clock, onFault: (fault) => logFault(log, fault) });
  /** Serves figures under a policy. */
  let show: (policy: Policy) => void = () => undefined;
  const policies = createPolicySwitch({ ingest, clock, log, onAdopted: (policy) => show(policy) });
  if (opened.isBehind) {
    policies.adopt(options.policy);
    // With a small database, the new policy is adopted before the first answer.
    await Promise.race([policies.idle(), clock.sleep(headStartMs)]);
  } else {
    logWhatCounts(log, state, null);
  }
  const forge =
    config.forge &&
    createForge({
      ...config.forge,
      sleep: clock.sleep,
      onRequest: (request) => metrics.observeForgeRequest(request),
    });
  const leadTimes = forge && createCommitFetcher({ ingest, forge, clock, log });
  warnOfLimits(ingest, log);
  const metrics = createSelfMetrics({
    version,
    state,
    sources,
    results: eventResults,
    woodpecker: config.woodpecker && {
      url: config.woodpecker.url,
      hasStream: config.isStreamEnabled,
      reconcileIntervalSeconds: config.reconcileIntervalSeconds,
      backlog: () => woodpecker?.backfill.backlog ?? 0,
    },
    isReady: () => ingest.fault === null && (woodpecker?.notReady() ?? null) === null,
    turnedAway: () => ingest.turnedAway,
    pendingLeadTimes: leadTimes && (() => leadTimes.pending),
    now: () => nowSeconds(clock),
  });
  const stopping = new AbortController();
  const onEvent: OnEvent = metrics.countEvent;
  const woodpecker: WoodpeckerSources | null = config.woodpecker
    ? startWoodpeckerSources({
        config,
        clock,
        log,
        ingest,
        onEvent,
        metrics,
        signal: stopping.signal,
        onBackfilled: () => leadTimes?.retryMissing(),
      })
    : null;
  const loops = [
    ...(woodpecker?.loops ?? []),
    ...(leadTimes ? [leadTimes.run(stopping.signal)] : []),
    dropOldTexts({ ingest, clock, log }, stopping.signal),
  ];
  const stopped = Promise.allSettled(loops);

  const storeFault = createStoreProbe(ingest, clock);
  // The disk may already be full, so the first answer about readiness needs a check.
  await storeFault();
  const notReady = async (): Promise<string | null> => (await storeFault()) ?? woodpecker?.notReady() ?? null;
  const existing = new Set(sourcesIn({ hasWoodpecker: mode.canAsk, hasStream: config.isStreamEnabled }));
  const secretOf = (setting: string, fileName: string, given: readonly string[] | null) =>
    resolveSecret({ setting, given, fileName, databasePath: config.databasePath, log });
  const status = async (projection: Projection): Promise<Status> => {
    const now = nowSeconds(clock);
    const { series } = await projection.prepared(now, createEventLoopYield());
    return {
      version,
      now,
      startedAt,
      notReady: await notReady(),
      woodpecker: config.woodpecker && {
        url: config.woodpecker.url,
        isUp: woodpecker?.health.isUp ?? null,
        isStreaming: woodpecker?.stream?.isConnected ?? null,
        troubles: [
          woodpecker?.health.trouble,
          woodpecker?.stream?.trouble,
          woodpecker?.clocks.trouble,
        ].filter((trouble) => trouble != null),
        backlog: woodpecker?.backfill.backlog ?? 0,
        reconciledAt: metrics.reconciliation().lastAt,
        missed: metrics.reconciliation().missed,
      },
      forge: config.forge &&
        leadTimes && { url: config.forge.url, pending: leadTimes.pending, troubles: leadTimes.troubles },
      sources: metrics.activity().filter(({ source }) => existing.has(source as Source)),
      following: state.follows.size,
      backfills: await newestBackfills(woodpecker?.backfill ?? noBackfill),
      repos: state.repos.size,
      pairs: series.length,
      adoption: policies.progress,
      ignored: ignoreReasons.map((reason) => ({ reason, pipelines: state.tally.ignored(reason) })),
      events: state.tally.events(),
    };
  };
  const webhookSecrets = secretOf('DORA_WEBHOOK_SECRET', 'webhook-secret', config.webhookSecrets);
  const incidentSecrets = secretOf('DORA_INCIDENT_SECRET', 'incident-secret', config.incidentSecrets);
  const adminToken = config.adminToken === null ? null : [config.adminToken];
  const adminTokens = secretOf('DORA_ADMIN_TOKEN', 'admin-token', adminToken);
  const app: AppParts = {
    ingest,
    clock,
    log,
    version,
    onEvent,
    backfill: woodpecker?.backfill ?? noBackfill,
    woodpeckerUrl: config.woodpecker?.url ?? null,
    renderSelf: metrics.render,
    status,
    notReady,
    webhookSecrets,
    // With a Woodpecker, every repo's pipelines know the webhook secret, so it must not allow reports of incidents.
    incidentSecrets: mode.canAsk ? incidentSecrets : [...incidentSecrets, ...webhookSecrets],
    adminTokens,
    metricsToken: config.metricsToken,
  };
  show = (policy) => front.serve(connectApp(app, policy));
  show(ingest.mode.policy);

  return {
    servers: front.servers,
    adopt: (policy) => policies.adopt(policy),
    failed: Promise.race([...loops, new Promise<never>(() => undefined)]),
    async stop() {
      await Promise.all(front.servers.map((server) => server.close(requestGraceMs)));
      stopping.abort(new Error('Service is stopping'));
      await policies.stop();
      await stopped;
      await ingest.idle();
      await store.close();
    },
  };
}

/** The newest ten backfills. Empty if the store cannot be read: the page about faults must not fail, too. */
async function newestBackfills(backfill: Backfill): Promise<readonly BackfillSummary[]> {
  return (await recover(backfill.list(), StoreUnavailable, () => [])).slice(0, 10);
}
